using System.Text;
using System.Text.Json;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>What a model calls a tool with.</summary>
/// <param name="values">By name; null: nothing.</param>
internal sealed class ToolArguments(IDictionary<string, JsonElement>? values)
{
    private const int LongestId = 255;

    /// <summary>A text among them; null where it is absent, and what is no text stands as its JSON, for the operation to refuse.</summary>
    public string? Text(string name)
    {
        if (values is null || !values.TryGetValue(name, out var value) || value.ValueKind == JsonValueKind.Null)
            return null;
        try
        {
            return value.ValueKind == JsonValueKind.String ? value.GetString() : value.GetRawText();
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair.
            return value.GetRawText();
        }
    }

    /// <summary>The id that a tool takes, and nothing else; or why there is none.</summary>
    public (string Id, Problem? Refusal) OnlyId(string name)
    {
        using var document = JsonDocument.Parse(Without(null));
        var fields = new JsonFields(document.RootElement);
        var id = fields.Text(name, LongestId, required: true);
        return fields.Faults() is { Count: > 0 } faults ? ("", Problem.InvalidRequest(faults)) : (id!, null);
    }

    /// <summary>All but the one named, as the JSON object that they came in.</summary>
    public string Without(string? name) => new StringBuilder("{").AppendJoin(',',
        (values ?? new Dictionary<string, JsonElement>()).Where(value => value.Key != name)
        .Select(value => $"{JsonSerializer.Serialize(value.Key)}:{value.Value.GetRawText()}")).Append('}').ToString();
}
