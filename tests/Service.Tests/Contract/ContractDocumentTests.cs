using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Orchestrator.Embedded.Triggers;
using Orchestrator.Service.Http;
using Orchestrator.Service.Http.Contract;
using Orchestrator.Service.Messages;
using Orchestrator.Service.People;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests.Contract;

/// <summary>docs/openapi.json and docs/errors.md say what the code does: every route, every field that is read, every error code.</summary>
public sealed partial class ContractDocumentTests
{
    private static readonly string[] Methods = ["get", "put", "post", "delete", "patch"];

    private static readonly JsonObject Document = JsonNode.Parse(OpenApiDocument.Bytes.Span)!.AsObject();

    /// <summary>Every problem that there is, made with values that mean nothing.</summary>
    private static readonly Problem[] Problems =
    [
        .. from method in typeof(Problem).GetMethods(BindingFlags.Public | BindingFlags.Static)
           where method.ReturnType == typeof(Problem)
           select (Problem)method.Invoke(null, [.. method.GetParameters().Select(ValueFor)])!,
    ];

    private static IEnumerable<(string Route, JsonNode Operation)> Operations =>
        from path in Document["paths"]!.AsObject()
        from method in path.Value!.AsObject()
        where Methods.Contains(method.Key)
        select ($"{method.Key} {path.Key}", method.Value!);

    [Fact]
    public void Every_function_that_HTTP_triggers_is_in_the_document_and_nothing_else_is()
    {
        var served =
            from type in typeof(HttpTriggerAttribute).Assembly.GetExportedTypes()
            from method in type.GetMethods().Where(m => m.GetCustomAttribute<FunctionAttribute>() is not null)
            from trigger in method.GetParameters().Select(p => p.GetCustomAttribute<HttpTriggerAttribute>()).OfType<HttpTriggerAttribute>()
            from verb in trigger.Methods
            select $"{verb} /{trigger.Route}";

        // HEAD is GET without the body, everywhere.
        var operations = Operations.Select(o => o.Route).ToList();
        operations.Concat(operations.Where(route => route.StartsWith("get ", StringComparison.Ordinal)).Select(route => route.Replace("get ", "head ", StringComparison.Ordinal)))
            .Order().ShouldBe(served.Order());
    }

    [Fact]
    public void Every_parameter_of_a_path_is_described()
    {
        foreach (var (path, item) in Document["paths"]!.AsObject())
        {
            var described = (item!["parameters"]?.AsArray() ?? []).Select(Resolved).Where(p => p["in"]!.GetValue<string>() == "path").Select(p => p["name"]!.GetValue<string>());
            described.ShouldBe(PathParameter().Matches(path).Select(m => m.Groups["name"].Value), path);
        }
    }

    [Fact]
    public void The_fields_that_are_read_are_those_of_the_document()
    {
        FieldsOf("ScheduleMessageRequest").ShouldBe(ReadBy(body => ScheduleRequestReader.Read(body).Faults));
        FieldsOf("ScheduleMessagesRequest").ShouldBe(ReadBy(body => BatchRequestReader.Read(body).Faults));
        FieldsOf("MessageOfMany").ShouldBe(ReadBy(OfOneOfMany));
        FieldsOf("Sequence").ShouldBe(ReadBy(body => Within("sequence", ScheduleRequestReader.Read(Wrapped($$"""{"sequence": {{body.GetRawText()}}}""")).Faults)));
        FieldsOf("ChangeMessageRequest").ShouldBe(ReadBy(body => ChangeRequestReader.Read(body).Faults));
        FieldsOf("PutUserRequest").ShouldBe(ReadBy(body => UserChangeReader.Read(body).Faults));

        static IReadOnlyDictionary<string, string[]> OfOneOfMany(JsonElement body) =>
            BatchRequestReader.Read(Wrapped($$"""{"messages": [{{body.GetRawText()}}]}""")).Items!.Single().Fault!.Errors!;
    }

    [Fact]
    public void The_bounds_of_the_document_are_those_of_the_code()
    {
        Schema("ScheduleMessagesRequest")["properties"]!["messages"]!["maxItems"]!.GetValue<int>().ShouldBe(BatchRequestReader.Most);
        Schema("MessageToSchedule")["properties"]!["messages"]!["maxItems"]!.GetValue<int>().ShouldBe(Core.Sequence.Longest);
        Schema("Sequence")["properties"]!["total"]!["maximum"]!.GetValue<int>().ShouldBe(Core.Sequence.Longest);
        Document["components"]!["parameters"]!["IdempotencyKey"]!["schema"]!["maxLength"]!.GetValue<int>().ShouldBe(Admission.LongestKey);
        Texts(Schema("Lane")["enum"]).ShouldBe(Core.Lanes.Names);
        Texts(Schema("Status")["enum"]).ShouldBe(MessageFilter.Statuses);
        foreach (var code in Texts(Schema("Code")["examples"]))
            Core.Reasons.SentenceOf(code).ShouldNotBeNull(code);
    }

    [Fact]
    public void The_error_codes_of_the_code_of_the_document_and_of_its_page_are_the_same()
    {
        var codes = Problems.Select(p => p.Code).Distinct().Order().ToList();
        using var page = typeof(Problem).Assembly.GetManifestResourceStream("docs/errors.md")!;
        using var reader = new StreamReader(page);
        var lines = ErrorLine().Matches(reader.ReadToEnd()).Select(m => m.Groups["code"].Value);

        lines.Order().ShouldBe(codes, ignoreOrder: false, "docs/errors.md has one line for each");
        Texts(Schema("Problem")["properties"]!["code"]!["enum"]).Order().ShouldBe(codes, ignoreOrder: false, "the document");
        // Routing answers with the last two, whatever the path.
        Operations.SelectMany(o => o.Operation["responses"]!.AsObject()).SelectMany(r => CodesOf(r.Value!)).Append("not_found").Append("method_not_allowed")
            .Distinct().Order().ShouldBe(codes, ignoreOrder: false, "the answers of the operations");
    }

    [Fact]
    public void An_answer_lists_the_codes_of_its_own_status_alone()
    {
        foreach (var (route, operation) in Operations)
        {
            foreach (var (status, response) in operation["responses"]!.AsObject())
            {
                var expected = int.Parse(status, System.Globalization.CultureInfo.InvariantCulture);
                // Its status is the server's own.
                foreach (var code in CodesOf(response!).Where(code => code != "bad_request"))
                    Problems.ShouldContain(p => p.Code == code && p.Status == expected, $"{route} {status} {code}");
                // The health check, and a protocol of its own, may say it their way.
                if (expected >= 400 && Resolved(response!)["content"]?["application/json"] is null)
                    CodesOf(response!).ShouldNotBeEmpty($"{route} {status}");
            }
        }
    }

    private static IEnumerable<string> CodesOf(JsonNode response) =>
        Resolved(response)["content"]?["application/problem+json"]?["schema"]?["properties"]?["code"]?["enum"] is { } codes ? Texts(codes) : [];

    private static JsonNode Schema(string name) => Document["components"]!["schemas"]![name]!;

    private static JsonNode Resolved(JsonNode? node) =>
        node!["$ref"]?.GetValue<string>().Split('/') is [.., var kind, var name] ? Document["components"]![kind]![name]! : node;

    private static IEnumerable<string> Texts(JsonNode? list) => list!.AsArray().Select(text => text!.GetValue<string>());

    private static List<string> FieldsOf(string schema) => [.. Fields(Schema(schema)).Order(StringComparer.Ordinal)];

    private static IEnumerable<string> Fields(JsonNode schema) => (schema["properties"]?.AsObject().Select(p => p.Key) ?? [])
        .Concat((schema["allOf"]?.AsArray() ?? []).SelectMany(part => Fields(Resolved(part))));

    /// <summary>
    /// The fields that a reader knows, of all words that its assembly holds: it is given each, and calls unknown what it does not read.
    /// </summary>
    private static List<string> ReadBy(Func<JsonElement, IReadOnlyDictionary<string, string[]>> read)
    {
        var body = JsonSerializer.SerializeToElement(Words.ToDictionary(word => word, _ => new int[1]));
        var faults = read(body);
        return [.. Words.Where(word => !faults.TryGetValue(word, out var fault) || !fault.Contains("is not a known field")).Order(StringComparer.Ordinal)];
    }

    private static Dictionary<string, string[]> Within(string name, IReadOnlyDictionary<string, string[]> faults) =>
        faults.Where(f => f.Key.StartsWith($"{name}.", StringComparison.Ordinal)).ToDictionary(f => f.Key[(name.Length + 1)..], f => f.Value);

    private static JsonElement Wrapped(string json) => JsonDocument.Parse(json).RootElement;

    /// <summary>Every string of the service's code that a field could be called.</summary>
    private static readonly string[] Words = [.. UserStrings(typeof(Problem).Assembly.Location).Where(text => Word().IsMatch(text)).Distinct()];

    private static List<string> UserStrings(string assembly)
    {
        using var file = new PEReader(File.OpenRead(assembly));
        var metadata = file.GetMetadataReader();
        var strings = new List<string>();
        for (var handle = MetadataTokens.UserStringHandle(1); !handle.IsNil; handle = metadata.GetNextHandle(handle))
            strings.Add(metadata.GetUserString(handle));
        return strings;
    }

    private static object? ValueFor(ParameterInfo parameter) =>
        parameter.HasDefaultValue ? parameter.DefaultValue
        : parameter.ParameterType == typeof(int) ? (parameter.Name == "status" ? 400 : 1)
        : parameter.ParameterType == typeof(string) ? "x"
        : parameter.ParameterType == typeof(object) ? new object()
        : new Dictionary<string, string[]>();

    [GeneratedRegex("^[a-zA-Z]{2,40}$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Word();

    [GeneratedRegex(@"\{(?<name>\w+)\}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PathParameter();

    [GeneratedRegex(@"^\| [0-9, ]+ \| `(?<code>\w+)` \|", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ErrorLine();
}
