using System.Text;
using System.Text.Json;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>What a model calls a tool with.</summary>
/// <param name="values">By name; null: nothing.</param>
internal sealed class ToolArguments(IDictionary<string, JsonElement>? values)
{
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

    /// <summary>All but the one named, as the JSON object that they came in.</summary>
    public string Without(string? name) => new StringBuilder("{").AppendJoin(',',
        (values ?? new Dictionary<string, JsonElement>()).Where(value => value.Key != name)
        .Select(value => $"{JsonSerializer.Serialize(value.Key)}:{value.Value.GetRawText()}")).Append('}').ToString();
}
