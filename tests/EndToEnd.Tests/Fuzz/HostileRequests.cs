namespace Orchestrator.EndToEnd.Tests.Fuzz;

/// <summary>Requests to every route, made of chance and a seed.</summary>
/// <param name="random">Where they come from.</param>
/// <param name="users">Users that exist.</param>
/// <param name="message">A message that exists.</param>
internal sealed class HostileRequests(Random random, IReadOnlyList<string> users, Guid message)
{
    private const int Large = 300 * 1024;

    private const int VeryLarge = (4 * 1024 * 1024) + 1024;

    private static readonly (string Method, string Path)[] Routes =
    [
        ("POST", "schedule-message"), ("POST", "schedule-message"), ("POST", "schedule-messages"), ("PATCH", "messages/{id}"), ("DELETE", "messages/{id}"), ("GET", "messages/{id}"),
        ("GET", "messages"), ("PUT", "users/{id}"), ("GET", "users/{id}"), ("POST", "mcp"), ("POST", "process-queue"), ("GET", "health"), ("POST", "twilio/status"),
        ("POST", "twilio/inbound"), ("GET", "openapi.json"), ("GET", "docs"), ("GET", "docs/errors"), ("GET", "nowhere"),
    ];

    private static readonly string[] Methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW", "get", "PROPFIND", "M-SEARCH", new('X', 300)];

    private static readonly string[] Types =
    [
        "application/json; charset=utf-16", "application/json;charset=utf-8", "application/json; charset=\"utf-8\"; x=y", "application/merge-patch+json", "text/plain",
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "multipart/form-data", "nonsense", "application/json, text/plain", "/", ";", "*/*", new('t', 5000),
    ];

    private static readonly string[] Ids =
    [
        "%00", "a%00b", "%FF", "%C0%80", "%ED%A0%80", "%2F", "..%2F..", "%2e%2e", "%", "%zz", "%25", "%0d%0aX:1", "%F0%9F%98%80", "'%3B--", "{id}", "*", "~", ":", "00000000-0000-0000-0000-000000000000",
        new('x', 256), new('x', 3000), "%E2%80%AE", "%20", "+", "a;b=c", "a,b",
    ];

    private static readonly string[] Queries =
    [
        "dryRun=true", "dryRun=TRUE", "dryRun=1", "dryRun=", "dryRun=true&dryRun=false", "userId=%00", "userId=%FF", "status=gone", "limit=-1", "limit=99999999999999999999", "limit=1e3",
        "cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "cursor=%00", "cursor=________________________________", "topic=x", "colour=red", "=", "&&&", "a[b]=c", "%00=%00", "message=nonsense&attempt=-1", new('q', 4000),
    ];

    private readonly HostileJson _json = new(random);

    /// <summary>The next one.</summary>
    public HttpRequestMessage Next()
    {
        var (method, path) = Routes[random.Next(Routes.Length)];
        var request = new HttpRequestMessage(
            new HttpMethod(OneIn(12) ? Methods[random.Next(Methods.Length)] : method),
            new Uri(path.Replace("{id}", Id(path), StringComparison.Ordinal) + (OneIn(3) ? $"?{Queries[random.Next(Queries.Length)]}" : ""), UriKind.Relative));
        if (method is "POST" or "PUT" or "PATCH" || OneIn(10))
            request.Content = Body(path);
        if (path == "schedule-message" && OneIn(4))
            request.Headers.TryAddWithoutValidation("Idempotency-Key", $"fuzz-{random.Next(20)}");
        if (OneIn(4))
            AddJunk(request);
        if (path == "mcp" && !OneIn(10))
            request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        return request;
    }

    private string Id(string path) =>
        OneIn(3) ? Ids[random.Next(Ids.Length)]
        : path.StartsWith("messages", StringComparison.Ordinal) ? (OneIn(2) ? $"{message}" : $"{Guid.NewGuid()}")
        : OneIn(2) ? users[random.Next(users.Count)] : $"fuzz_new_{random.Next(20)}";

    private ByteArrayContent Body(string path)
    {
        var bytes = OneIn(100) ? Filler(Large) : OneIn(400) ? Filler(VeryLarge) : _json.Bytes(Text(path));
        var content = new ByteArrayContent(bytes);
        var type = OneIn(8) ? Types[random.Next(Types.Length)] : path.StartsWith("twilio", StringComparison.Ordinal) ? "application/x-www-form-urlencoded" : "application/json";
        if (!OneIn(20))
            content.Headers.TryAddWithoutValidation("Content-Type", type);
        if (OneIn(20))
            content.Headers.TryAddWithoutValidation("Content-Encoding", "gzip");
        return content;
    }

    private string Text(string path) => path switch
    {
        "schedule-messages" => OneIn(10) ? $"{{\"messages\": {_json.Value()}}}"
            : $"{{\"messages\": [{string.Join(", ", Enumerable.Range(0, random.Next(1, 8)).Select(_ => OneIn(6) ? _json.Value() : Message()))}]}}",
        "messages/{id}" => _json.Spoiled(("priority", "\"low\""), ("expiresAt", "\"2150-01-01T00:00:00Z\"")),
        "users/{id}" => _json.Spoiled(("firstName", "\"Ann\""), ("timezone", "\"Europe/Paris\"")),
        "mcp" => $$$"""{"jsonrpc": "2.0", "id": {{{(OneIn(10) ? _json.Value() : "1")}}}, "method": "tools/call", "params": {"name": "{{{Tool()}}}", "arguments": {{{(OneIn(10) ? _json.Value() : Message())}}} } }""",
        "twilio/status" or "twilio/inbound" => $"MessageSid=SM1&From=%2B15555550000&MessageStatus=sent&Body={Ids[random.Next(Ids.Length)]}&{Queries[random.Next(Queries.Length)]}",
        _ => Message(),
    };

    private string Message() => _json.Spoiled(
        ("userId", $"\"{users[random.Next(users.Count)]}\""), ("agentId", "\"fuzz_agent\""), ("messageData", "{\"content\": \"Hi\"}"), ("scheduledFor", "\"2150-01-01T00:00:00Z\""));

    private string Tool() => OneIn(10) ? "no_such_tool" : ((string[])["schedule_message", "preview_message", "get_message", "cancel_message", "get_user"])[random.Next(5)];

    private void AddJunk(HttpRequestMessage request)
    {
        switch (random.Next(9))
        {
            case 0:
                request.Headers.TryAddWithoutValidation("Idempotency-Key", "fuzz");
                break;
            case 1:
                request.Headers.TryAddWithoutValidation("Idempotency-Key", ((string[])["a", "b"]));
                break;
            case 2:
                request.Headers.TryAddWithoutValidation("Idempotency-Key", ((string[])["", " ", "\u0001", "\u00ff", new string('k', 256), new string('k', 5000)])[random.Next(6)]);
                break;
            case 3:
                request.Headers.TryAddWithoutValidation("Authorization", ((string[])["Bearer", "Bearer  ", "Basic x", "\u0001"])[random.Next(4)]);
                request.Headers.TryAddWithoutValidation("x-functions-key", ["1", "2"]);
                break;
            case 4:
                request.Headers.TryAddWithoutValidation("Accept", ((string[])["*/*", "nonsense", "text/html", ""])[random.Next(4)]);
                break;
            case 5:
                request.Headers.TryAddWithoutValidation("If-None-Match", ((string[])["*", "\"x", "W/\"y\"", "\u00ff"])[random.Next(4)]);
                break;
            case 6:
                request.Headers.TryAddWithoutValidation("X-Twilio-Signature", ((string[])["", "=", "bm9uc2Vuc2U=", new string('s', 4000)])[random.Next(4)]);
                break;
            case 7:
                request.Headers.TryAddWithoutValidation("X-Forwarded-Host", "[::1");
                request.Headers.TryAddWithoutValidation("Mcp-Session-Id", "\u0001");
                request.Headers.TryAddWithoutValidation("MCP-Protocol-Version", "1066-10-14");
                break;
            default:
                request.Headers.TransferEncodingChunked = request.Content is not null;
                break;
        }
    }

    private static byte[] Filler(int length) => System.Text.Encoding.UTF8.GetBytes($$"""{"firstName": "{{new string('x', length)}}"}""");

    private bool OneIn(int many) => random.Next(many) == 0;
}
