using System.Collections.Frozen;
using System.Reflection;

namespace Orchestrator.Service.Postgres;

/// <summary>The statements and migrations of <c>db/</c>, which the assembly carries whole.</summary>
public static class Sql
{
    private static readonly FrozenDictionary<string, string> Queries = Read("queries/").ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The migrations by name, in the order in which they are applied.</summary>
    public static IReadOnlyList<KeyValuePair<string, string>> Migrations { get; } =
        [.. Read("migrations/").OrderBy(migration => migration.Key, StringComparer.Ordinal)];

    /// <summary>The statement of <c>db/queries/…/&lt;name&gt;.sql</c>.</summary>
    /// <exception cref="KeyNotFoundException">There is no such file.</exception>
    public static string Query(string name) => Queries[name];

    /// <summary>Several statements, to be sent in one round trip and run in one transaction.</summary>
    public static string Batch(params IEnumerable<string> names) => string.Join(";\n", names.Select(Query));

    private static IEnumerable<KeyValuePair<string, string>> Read(string folder)
    {
        var assembly = Assembly.GetExecutingAssembly();
        foreach (var resource in assembly.GetManifestResourceNames().Where(n => n.StartsWith(folder, StringComparison.Ordinal)))
        {
            using var reader = new StreamReader(assembly.GetManifestResourceStream(resource)!);
            yield return new(Path.GetFileNameWithoutExtension(resource), reader.ReadToEnd().TrimEnd().TrimEnd(';'));
        }
    }
}
