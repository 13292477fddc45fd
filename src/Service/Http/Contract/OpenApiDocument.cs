using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orchestrator.Service.Http.Contract;

/// <summary>The contract in OpenAPI 3.1: <c>docs/openapi.json</c>, written by hand and held against the code by tests.</summary>
public static class OpenApiDocument
{
    /// <summary>The document as it is served.</summary>
    public static ReadOnlyMemory<byte> Bytes { get; } = Read();

    /// <summary>A schema by its name, with all that it refers to put in place, so that it stands by itself.</summary>
    public static JsonObject Schema(string name) =>
        (JsonObject)Inline(Parse()["components"]!["schemas"]![name] ?? throw new ArgumentException($"No schema {name}.", nameof(name)))!;

    private static JsonNode? Inline(JsonNode? node) => node switch
    {
        JsonObject value when value["$ref"] is { } reference => Merge(Schema(reference.GetValue<string>().Split('/')[^1]), value),
        JsonObject value => new JsonObject(value.Select(field => KeyValuePair.Create(field.Key, Inline(field.Value)))),
        JsonArray values => new JsonArray([.. values.Select(Inline)]),
        _ => node?.DeepClone(),
    };

    /// <summary>The schema referred to, with what stands beside the reference, a description for one, in place of its own.</summary>
    private static JsonObject Merge(JsonObject referred, JsonObject beside)
    {
        foreach (var (name, value) in beside.Where(field => field.Key != "$ref"))
            referred[name] = Inline(value);
        return referred;
    }

    private static JsonNode Parse() => JsonNode.Parse(Bytes.Span, documentOptions: new JsonDocumentOptions { AllowDuplicateProperties = false })!;

    private static ReadOnlyMemory<byte> Read()
    {
        using var resource = typeof(OpenApiDocument).Assembly.GetManifestResourceStream("docs/openapi.json")!;
        using var bytes = new MemoryStream();
        resource.CopyTo(bytes);
        return bytes.ToArray();
    }
}
