using System.Collections.Concurrent;
using System.Net.Http.Headers;
using System.Text;
using Orchestrator.Fakes;
using Orchestrator.Service.Http.Contract;

namespace Orchestrator.EndToEnd.Tests.Contract;

/// <summary>Every answer that the contract names is given, and is as it says. (All other tests hold theirs against it as well.)</summary>
public sealed class ContractTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Later = "2150-01-01T00:00:00Z";

    private const string Nobody = "00000000-0000-0000-0000-000000000000";

    private static readonly ApiContract Contract = new(OpenApiDocument.Bytes);

    private static readonly string Large = $$"""{"firstName": "{{new string('x', 4 * 1024 * 1024)}}"}""";

    // A body that does not come, and a fault that nobody knows of.
    private static readonly int[] Unprovoked = [408, 500];

    private readonly ConcurrentDictionary<(string Operation, int Status), bool> _seen = new();

    private Task<EmbeddedHost> StartAsync(params (string Name, string Value)[] more) =>
        EmbeddedHost.StartAsync([.. service.Settings.Where(s => !more.Any(m => m.Name == s.Name)), .. more], waitUntilHealthy: !more.Any(m => m.Name == "DATABASE_URL"));

    private HttpClient ClientOf(EmbeddedHost host) => ContractClient.Create(host.Client.BaseAddress!, (operation, status) => _seen[(operation, status)] = true);

    [Fact]
    public async Task Every_answer_of_the_contract_is_given_and_is_as_it_says()
    {
        using var client = ClientOf(service.Host);
        await MessagesAsync(client);
        await UsersAsync(client);
        await PagesAsync(client);
        await McpAsync(client);
        await FromElsewhereAsync(client);
        await SendAsync(client, "POST", "process-queue", null, 200);
        await WithKeysAsync();
        await WithoutDatabaseAsync();
        await WebhooksAsync();

        var unseen = Contract.Answers.Where(answer => !_seen.ContainsKey(answer) && !Unprovoked.Contains(answer.Status)).ToList();
        // Only a deletion in the middle of a request is answered so.
        unseen.ShouldBe([("PUT /users/{id}", 404)], ignoreOrder: true);
    }

    private async Task MessagesAsync(HttpClient client)
    {
        await service.AddUserAsync("contract_ann");
        var content = """ "userId": "contract_ann", "agentId": "a", "messageData": {"content": "Hi"} """;
        var queued = await SendAsync(client, "POST", "schedule-message", $$"""{ {{content}}, "scheduledFor": "{{Later}}", "topic": "t" }""", 200, ("Idempotency-Key", "contract-1"));
        await SendAsync(client, "POST", "schedule-message", $$"""{ {{content}}, "scheduledFor": "{{Later}}", "topic": "t" }""", 200, ("Idempotency-Key", "contract-1"));
        await SendAsync(client, "POST", "schedule-message", $$"""{ {{content}} }""", 422, ("Idempotency-Key", "contract-1"));
        await service.ExecuteAsync("UPDATE idempotency_keys SET running_until = now() + interval '1 hour' WHERE key = 'contract-1'");
        await SendAsync(client, "POST", "schedule-message", $$"""{ {{content}}, "scheduledFor": "{{Later}}", "topic": "t" }""", 409, ("Idempotency-Key", "contract-1"));
        await SendAsync(client, "POST", "schedule-message?dryRun=true", $$"""{ {{content}}, "conversationId": null }""", 200);
        await SendAsync(client, "POST", "schedule-message", """{"userId": "contract_ann", "agentId": "a", "messages": [{"messageData": {"content": "1"}}, {"messageData": {"content": "2"}}]}""", 200);
        await SendAsync(client, "POST", "schedule-message", """{"userId": "contract_nobody", "agentId": "a", "messageData": {"content": "Hi"}}""", 404);
        await SendAsync(client, "POST", "schedule-message", """{"userId": "contract_ann", "agentId": "a", "messageData": {"event": "x"}}""", 422);
        var sent = await SendAsync(client, "POST", "schedule-message", $$"""{ {{content}}, "priority": "urgent" }""", 200);

        await SendAsync(client, "POST", "schedule-messages",
            $$"""{"messages": [{ {{content}}, "idempotencyKey": "contract-2" }, { {{content}}, "idempotencyKey": "contract-2" }, {"userId": 1}, 5, { {{content}}, "sequence": {"id": "s", "position": 1, "total": 2} }]}""", 200);

        var id = queued.GetProperty("messageId").GetGuid();
        await SendAsync(client, "GET", $"messages/{id}", null, 200);
        await SendAsync(client, "GET", $"messages/{sent.GetProperty("messageId").GetGuid()}", null, 200);
        await SendAsync(client, "GET", $"messages/{Nobody}", null, 404);
        await SendAsync(client, "GET", "messages?userId=contract_ann&limit=2", null, 200);
        await SendAsync(client, "GET", "messages?limit=0&colour=red", null, 400);
        await SendAsync(client, "PATCH", $"messages/{id}", """{"priority": "high", "scheduledFor": null, "expiresAt": "2150-01-02T00:00:00Z"}""", 200);
        await SendAsync(client, "PATCH", $"messages/{Nobody}", """{"priority": "high"}""", 404);
        await SendAsync(client, "PATCH", $"messages/{id}", """{"messageData": {"event": "x"}}""", 422);
        await SendAsync(client, "DELETE", $"messages/{id}", null, 200);
        await SendAsync(client, "DELETE", $"messages/{Nobody}", null, 404);
        await SendAsync(client, "PATCH", $"messages/{id}", """{"priority": "high"}""", 409);
        await service.ExecuteAsync("UPDATE messages SET status = 'sent' WHERE user_id = 'contract_ann'");
        await SendAsync(client, "DELETE", $"messages/{sent.GetProperty("messageId").GetGuid()}", null, 409);

        foreach (var (method, path) in ((string, string)[])[("POST", "schedule-message"), ("POST", "schedule-messages"), ("PATCH", $"messages/{id}")])
            await BadBodiesAsync(client, method, path);
    }

    private async Task UsersAsync(HttpClient client)
    {
        await SendAsync(client, "PUT", "users/contract_bob",
            """{"phoneNumber": "+1 212 555 0123", "firstName": "Bob", "timezone": "US/Eastern", "quietHoursStart": "22:00", "quietHoursEnd": "08:00", "hourlyLimit": 2, "dailyLimit": 5, "optedOut": false}""", 201);
        await SendAsync(client, "PUT", "users/contract_bob", """{"quietHoursEnabled": false, "firstName": null}""", 200);
        await SendAsync(client, "GET", "users/contract_bob", null, 200);
        await SendAsync(client, "GET", "users/contract_nobody", null, 404);
        await service.ExecuteAsync(
            """
            CREATE UNIQUE INDEX contract_numbers ON users (phone_number) WHERE phone_number = '+12125550123';
            ALTER TABLE users ADD CONSTRAINT contract_names CHECK (first_name <> 'Refused');
            """);
        await SendAsync(client, "PUT", "users/contract_eve", """{"phoneNumber": "+12125550123"}""", 409);
        await SendAsync(client, "PUT", "users/contract_eve", """{"firstName": "Refused"}""", 422);
        await BadBodiesAsync(client, "PUT", "users/contract_bob");
    }

    private static async Task BadBodiesAsync(HttpClient client, string method, string path, params (string Name, string Value)[] headers)
    {
        await SendAsync(client, method, path, "{", 400, headers);
        await SendAsync(client, method, path, """{"colour": "red"}""", 400, headers);
        await SendAsync(client, method, path, Large, 413, headers);
        await SendAsync(client, method, path, "{}", 415, [.. headers, ("Content-Type", "text/plain")]);
    }

    private static async Task PagesAsync(HttpClient client)
    {
        foreach (var path in (string[])["openapi.json", "docs", "docs/scalar.js", "docs/errors"])
        {
            using var first = await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);
            ((int)first.StatusCode).ShouldBe(200);
            using var request = new HttpRequestMessage(HttpMethod.Get, path);
            request.Headers.IfNoneMatch.Add(first.Headers.ETag!);
            using var second = await client.SendAsync(request, TestContext.Current.CancellationToken);
            ((int)second.StatusCode).ShouldBe(304);
        }

        await SendAsync(client, "GET", "health", null, 200);
        await SendAsync(client, "GET", "metrics", null, 200);
        await SendAsync(client, "GET", "nowhere", null, 404);
        await SendAsync(client, "DELETE", "health", null, 405);
    }

    private static async Task McpAsync(HttpClient client)
    {
        var accept = ("Accept", "application/json, text/event-stream");
        await SendAsync(client, "POST", "mcp", """{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}""", 200, accept);
        await SendAsync(client, "POST", "mcp", """{"jsonrpc": "2.0", "method": "notifications/initialized"}""", 202, accept);
        await SendAsync(client, "POST", "mcp", """{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}""", 406, ("Accept", "text/html"));
        await BadBodiesAsync(client, "POST", "mcp", accept);
    }

    private static async Task FromElsewhereAsync(HttpClient client)
    {
        foreach (var (method, path) in Keyed().Append(("GET", "metrics")))
            await SendAsync(client, method, path, "{}", 403, ("Origin", "http://evil.example"));
        foreach (var (method, path) in Keyed())
            await SendAsync(client, method, $"{path}?colour=red", "{}", 400);
    }

    private async Task WithKeysAsync()
    {
        await using var host = await StartAsync(("ORCHESTRATOR_API_KEYS", "a:k1"), ("Orchestrator__RequestsPerMinute", "1"));
        using var client = ClientOf(host);
        await SendAsync(client, "GET", "health", null, 200);
        await SendAsync(client, "GET", "users/contract_bob", null, 200, ("x-functions-key", "k1"));
        await SendAsync(client, "GET", "metrics", null, 401);
        await SendAsync(client, "GET", "metrics", null, 200, ("x-functions-key", "k1"));
        foreach (var (method, path) in Keyed())
        {
            await SendAsync(client, method, path, "{}", 401);
            await SendAsync(client, method, path, "{}", 429, ("Authorization", "Bearer k1"));
        }
    }

    private async Task WithoutDatabaseAsync()
    {
        await using var host = await StartAsync(("DATABASE_URL", "Host=127.0.0.1;Port=1;Username=nobody;Database=none"));
        using var client = ClientOf(host);
        foreach (var (method, path) in Keyed().Append(("GET", "health")).Append(("POST", "twilio/status")).Append(("POST", "twilio/inbound")))
        {
            var problem = await SendAsync(client, method, path, "{}", 503);
            // What queues nothing has no use for a key.
            problem.GetRawText().Contains("Idempotency-Key", StringComparison.Ordinal).ShouldBe(path.StartsWith("schedule-message", StringComparison.Ordinal), path);
        }

        await SendAsync(client, "GET", "metrics", null, 200);
    }

    private async Task WebhooksAsync()
    {
        await using var twilio = await FakeTwilio.StartAsync();
        await using var host = await StartAsync(("TWILIO_AUTH_TOKEN", twilio.AuthToken), ("Orchestrator__Metrics", "false"));
        using var client = ClientOf(host);
        await SendAsync(client, "GET", "metrics", null, 404);
        foreach (var path in (string[])["twilio/status", "twilio/inbound"])
        {
            await PostAsync(path, new() { ["MessageSid"] = "SM1", ["MessageStatus"] = "sent", ["From"] = "+15555550000", ["Body"] = "Hi" }, path.EndsWith("status", StringComparison.Ordinal) ? 204 : 200);
            await PostAsync(path, [], 400);
            await PostAsync(path, new() { ["Body"] = new string('x', 70_000) }, 413);
            await SendAsync(client, "POST", path, "a=b", 403, ("Content-Type", "application/x-www-form-urlencoded"));
            await SendAsync(client, "POST", path, "{}", 415);
        }

        async Task PostAsync(string path, Dictionary<string, string> fields, int expected)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new FormUrlEncodedContent(fields) };
            request.Headers.Add("X-Twilio-Signature", twilio.Signature(new Uri(client.BaseAddress!, path), fields));
            using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
            ((int)response.StatusCode).ShouldBe(expected, path);
        }
    }

    /// <summary>A request to each operation that asks for a key and counts.</summary>
    private static IEnumerable<(string Method, string Path)> Keyed() =>
        from operation in Contract.Answers.Where(answer => answer.Status == 429).Select(answer => answer.Operation.Split(' '))
        select (operation[0], operation[1].TrimStart('/').Replace("{id}", Nobody, StringComparison.Ordinal));

    private static async Task<System.Text.Json.JsonElement> SendAsync(
        HttpClient client, string method, string path, string? body, int expected, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null && method != "GET")
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        foreach (var (name, value) in headers)
        {
            if (name == "Content-Type")
                request.Content!.Headers.ContentType = MediaTypeHeaderValue.Parse(value);
            else
                request.Headers.TryAddWithoutValidation(name, value).ShouldBeTrue();
        }

        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        ((int)response.StatusCode).ShouldBe(expected, $"{method} {path}: {text}");
        return text.StartsWith('{') ? System.Text.Json.JsonDocument.Parse(text).RootElement : default;
    }
}
