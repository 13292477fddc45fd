using Microsoft.AspNetCore.Http;

namespace Orchestrator.Service.Http;

/// <summary>The parameters that an operation knows. Others are refused: one that is misspelt would else do nothing, without a word.</summary>
/// <param name="Names">Their names, in whatever case.</param>
public sealed record QueryParameters(params IReadOnlyList<string> Names)
{
    /// <summary>None at all.</summary>
    public static QueryParameters None { get; } = new();

    /// <summary>The faults of those that are not known, by name.</summary>
    public SortedDictionary<string, string[]> FaultsOf(IQueryCollection query)
    {
        var faults = new SortedDictionary<string, string[]>(StringComparer.Ordinal);
        foreach (var name in query.Keys.Where(name => !Names.Contains(name, StringComparer.OrdinalIgnoreCase)))
            faults[name] = ["is not a known parameter"];
        return faults;
    }
}
