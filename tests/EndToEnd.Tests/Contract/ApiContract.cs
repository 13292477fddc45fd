using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using Json.Schema;

namespace Orchestrator.EndToEnd.Tests.Contract;

/// <summary>
/// An OpenAPI 3.1 document that answers can be held against: status, content type, headers, and each field of the body. A field that
/// the document does not name is a fault, although its readers would be told to bear with it.
/// </summary>
internal sealed class ApiContract
{
    private static readonly string[] Methods = ["get", "put", "post", "delete", "patch"];

    // Answers that routing gives, whatever the path.
    private static readonly Dictionary<int, string> Elsewhere = new() { [404] = "not_found", [405] = "method_not_allowed" };

    private readonly JsonObject _paths;
    private readonly JsonObject _components;
    private readonly string _definitions;
    private readonly ConcurrentDictionary<string, JsonSchema> _schemas = new();

    public ApiContract(ReadOnlyMemory<byte> document)
    {
        var root = JsonNode.Parse(document.Span)!.AsObject();
        _paths = root["paths"]!.AsObject();
        _components = root["components"]!.AsObject();
        var definitions = _components["schemas"]!.DeepClone();
        Close(definitions);
        _definitions = definitions.ToJsonString();
    }

    /// <summary>Every operation and status of the document, as in <c>GET /messages/{id}</c> and 200.</summary>
    public IEnumerable<(string Operation, int Status)> Answers =>
        from path in _paths
        from method in path.Value!.AsObject()
        where Methods.Contains(method.Key)
        from response in method.Value!["responses"]!.AsObject()
        select ($"{method.Key.ToUpperInvariant()} {path.Key}", int.Parse(response.Key, System.Globalization.CultureInfo.InvariantCulture));

    /// <summary>The operation that serves a request, as in <c>GET /messages/{id}</c>; null: none does.</summary>
    public string? Find(string method, string path) =>
        TemplateOf(path) is { } template && _paths[template]!.AsObject().ContainsKey(method.ToLowerInvariant()) ? $"{method} {template}" : null;

    /// <summary>How the answer, or the request that was taken, departs from the document; null: in nothing.</summary>
    public string? WrongWith(string method, string path, string? sent, ContractAnswer answer)
    {
        var template = TemplateOf(path);
        if (template is null || _paths[template]![method.ToLowerInvariant()] is not JsonObject operation)
            return WrongElsewhere(template is null ? 404 : 405, answer);
        if (Resolved(operation["responses"]![$"{answer.Status}"]) is not { } response)
            return "the status is not documented";

        var missing = (response["headers"]?.AsObject() ?? []).FirstOrDefault(header =>
            (bool?)Resolved(header.Value)!["required"] == true && !answer.Headers.Contains(header.Key, StringComparer.OrdinalIgnoreCase)).Key;
        if (missing is not null)
            return $"the header {missing} is missing";

        if (response["content"]?.AsObject() is not { } contents)
            return answer.Body.Length > 0 ? "a body is not documented" : WrongWithTaken(operation, sent, answer);
        if (answer.ContentType is null || contents[answer.ContentType]?["schema"] is not { } schema)
            return $"the content type {answer.ContentType} is not documented";
        return answer.ContentType.EndsWith("json", StringComparison.Ordinal) && WrongWith(schema, answer.Body) is { } fault ? fault
            : WrongWithTaken(operation, sent, answer);
    }

    private string? WrongElsewhere(int status, ContractAnswer answer) =>
        answer.Status != status ? "the path or the method is not documented"
        : answer.ContentType is null && answer.Body.Length == 0 ? null
        : JsonNode.Parse(answer.Body)?["code"]?.GetValue<string>() != Elsewhere[status] ? $"its code is not {Elsewhere[status]}"
        : WrongWith(new JsonObject { ["$ref"] = "#/components/schemas/Problem" }, answer.Body);

    /// <summary>What the service takes, the document allows. That a field which is null counts as absent stands there in words.</summary>
    private string? WrongWithTaken(JsonObject operation, string? sent, ContractAnswer answer)
    {
        if (sent is null || answer.Status >= 300 || operation["requestBody"]?["content"]?["application/json"]?["schema"] is not { } schema)
            return null;
        // One bad message of many is told of by itself.
        if (answer.Body.Contains("\"success\":false", StringComparison.Ordinal))
            return null;
        return WrongWith(schema, sent) is { } fault && WrongWith(schema, WithoutNulls(sent)) is not null ? $"it took a body that is not documented: {fault}" : null;
    }

    private string? WrongWith(JsonNode schema, string json)
    {
        var result = SchemaOf(schema).Evaluate(
            JsonDocument.Parse(json).RootElement, new EvaluationOptions { OutputFormat = OutputFormat.List, RequireFormatValidation = true });
        return result.IsValid ? null : string.Join("; ",
            (result.Details ?? []).Prepend(result).Where(part => part.Errors is { Count: > 0 })
                .Select(part => $"{part.InstanceLocation} {string.Join(", ", part.Errors!.Values)}").Distinct());
    }

    private JsonSchema SchemaOf(JsonNode schema) => _schemas.GetOrAdd(
        schema.ToJsonString(),
        text => JsonSchema.FromText($$"""{"$defs": {{_definitions}}, "allOf": [{{text}}]}""".Replace("#/components/schemas/", "#/$defs/", StringComparison.Ordinal)));

    private string? TemplateOf(string path)
    {
        var segments = path.Split('/');
        return _paths.Select(template => template.Key).FirstOrDefault(template => template == path)
            ?? _paths.Select(template => template.Key).FirstOrDefault(template => template.Split('/') is var parts && parts.Length == segments.Length
                && parts.Zip(segments).All(pair => pair.First == pair.Second || (pair.First.StartsWith('{') && pair.Second.Length > 0)));
    }

    private JsonNode? Resolved(JsonNode? node) =>
        node?["$ref"]?.GetValue<string>().Split('/') is [.., var kind, var name] ? _components[kind]![name] : node;

    private static string WithoutNulls(string json)
    {
        var body = JsonNode.Parse(json)!;
        foreach (var item in (body["messages"] as JsonArray ?? []).Prepend(body).OfType<JsonObject>())
        {
            foreach (var name in item.Where(field => field.Value is null).Select(field => field.Key).ToList())
                item.Remove(name);
        }

        return body.ToJsonString();
    }

    /// <summary>Makes objects refuse what they do not name, but for those that are put together with others.</summary>
    private static void Close(JsonNode? node)
    {
        if (node is JsonArray list)
        {
            foreach (var item in list)
                Close(item);
        }

        if (node is not JsonObject schema)
            return;
        foreach (var (name, value) in schema)
        {
            if (name != "allOf")
                Close(value);
        }

        if (schema["properties"] is JsonObject && schema["type"] is JsonValue && !schema.ContainsKey("oneOf"))
            schema.TryAdd("additionalProperties", JsonValue.Create(false));
    }
}
