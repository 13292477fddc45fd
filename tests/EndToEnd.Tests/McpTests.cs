using System.Net;
using System.Text;
using System.Text.Json;
using ModelContextProtocol.Client;
using ModelContextProtocol.Protocol;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>An agent at work, with the SDK's own client.</summary>
public sealed class McpTests(ServiceWithKeys service) : IClassFixture<ServiceWithKeys>
{
    private const string Key = "new-key";

    private Task<McpClient> ConnectAsync(string key = Key) => McpClient.CreateAsync(
        new HttpClientTransport(new HttpClientTransportOptions
        {
            Endpoint = new Uri(service.Client.BaseAddress!, "mcp"),
            TransportMode = HttpTransportMode.StreamableHttp,
            AdditionalHeaders = new Dictionary<string, string> { ["Authorization"] = $"Bearer {key}" },
        }),
        cancellationToken: TestContext.Current.CancellationToken);

    private static async Task<(bool IsError, JsonElement Answer)> CallAsync(McpClient agent, string tool, string arguments)
    {
        var result = await agent.CallToolAsync(
            tool, JsonSerializer.Deserialize<Dictionary<string, object?>>(arguments), cancellationToken: TestContext.Current.CancellationToken);
        return (result.IsError == true, JsonDocument.Parse(result.Content.ShouldHaveSingleItem().ShouldBeOfType<TextContentBlock>().Text).RootElement);
    }

    private async Task<string> NewUserAsync()
    {
        var id = $"mcp_{Guid.NewGuid():N}";
        await service.AddUserAsync(id);
        return id;
    }

    private Task<int> StoredForAsync(string user) => service.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id = @user", new { user });

    [Fact]
    public async Task A_model_is_told_what_each_tool_is_for_and_when_to_use_which_lane()
    {
        await using var agent = await ConnectAsync();

        var tools = await agent.ListToolsAsync(cancellationToken: TestContext.Current.CancellationToken);

        tools.Select(tool => tool.Name).Order().ShouldBe(["cancel_message", "get_message", "get_user", "preview_message", "schedule_message"]);
        var schedule = tools.Single(tool => tool.Name == "schedule_message");
        foreach (var word in (string[])["'urgent'", "'high'", "'medium'", "'low'", "At night", "topic:", "sequence", "idempotencyKey:", "content"])
            schedule.Description.ShouldContain(word);
        schedule.JsonSchema.GetProperty("properties").EnumerateObject().Select(field => field.Name).ShouldBe(
            ["userId", "agentId", "messageData", "messages", "priority", "canDelay", "requiresFreshContext", "conversationId", "scheduledFor", "expiresAt", "topic", "sequence", "idempotencyKey"]);
        schedule.JsonSchema.GetRawText().ShouldNotContain("$ref");
        agent.ServerInstructions.ShouldNotBeNull().ShouldContain("preview_message");
    }

    [Fact]
    public async Task A_message_is_previewed_scheduled_seen_and_cancelled()
    {
        var user = await NewUserAsync();
        await using var agent = await ConnectAsync();
        var arguments = $$"""{"userId": "{{user}}", "agentId": "concierge_agent", "messageData": {"content": "Hi"}, "priority": "high", "scheduledFor": "2150-01-01T00:00:00Z"}""";

        var (_, preview) = await CallAsync(agent, "preview_message", arguments);
        (preview.Text("status"), preview.Text("code"), preview.GetProperty("dryRun").GetBoolean()).ShouldBe(("queued", "not_before", true));
        (await StoredForAsync(user)).ShouldBe(0);

        var (_, scheduled) = await CallAsync(agent, "schedule_message", arguments);
        scheduled.Text("scheduledFor").ShouldBe(preview.Text("scheduledFor"));
        var id = scheduled.Text("messageId");

        var (_, seen) = await CallAsync(agent, "get_message", $$"""{"messageId": "{{id}}"}""");
        (seen.Text("userId"), seen.Text("priority"), seen.GetProperty("trail")[0].Text("key")).ShouldBe((user, "high", "concierge"));

        var (isError, cancelled) = await CallAsync(agent, "cancel_message", $$"""{"messageId": "{{id}}"}""");
        (isError, cancelled.Text("status")).ShouldBe((false, "cancelled"));
        (await CallAsync(agent, "cancel_message", $$"""{"messageId": "{{id}}"}""")).Answer.GetRawText().ShouldBe(cancelled.GetRawText());
        service.Host.Output.ShouldNotContain("ModelContextProtocol");
    }

    [Fact]
    public async Task A_call_repeated_with_its_idempotency_key_stores_once_and_says_that_it_was_answered_before()
    {
        var user = await NewUserAsync();
        await using var agent = await ConnectAsync();
        var arguments = $$"""{"userId": "{{user}}", "agentId": "a", "messageData": {"content": "Hi"}, "idempotencyKey": "{{user}}"}""";

        var first = await CallAsync(agent, "schedule_message", arguments);
        var second = await CallAsync(agent, "schedule_message", arguments);

        first.Answer.TryGetProperty("replayed", out _).ShouldBeFalse();
        second.Answer.GetProperty("replayed").GetBoolean().ShouldBeTrue();
        second.Answer.Text("messageId").ShouldBe(first.Answer.Text("messageId"));
        (await StoredForAsync(user)).ShouldBe(1);
    }

    [Fact]
    public async Task Where_a_user_stands_is_told()
    {
        var user = await NewUserAsync();
        await using var agent = await ConnectAsync();

        var (_, told) = await CallAsync(agent, "get_user", $$"""{"userId": "{{user}}"}""");

        told.Text("id").ShouldBe(user);
        told.GetProperty("nextFreeSlot").TryGetProperty("urgent", out _).ShouldBeTrue();
    }

    [Theory]
    [InlineData("schedule_message", """{"userId": "mcp_nobody", "agentId": "a", "messageData": {"content": "Hi"}}""", "user_not_found")]
    [InlineData("schedule_message", """{"agentId": 5, "priority": "best", "colour": "red"}""", "invalid_request")]
    [InlineData("schedule_message", """{"userId": "mcp_nobody", "agentId": "a", "messageData": {"content": "Hi"}, "idempotencyKey": ""}""", "invalid_request")]
    [InlineData("preview_message", "{}", "invalid_request")]
    [InlineData("get_message", """{"messageId": "no-id"}""", "message_not_found")]
    [InlineData("cancel_message", """{"messageId": 5}""", "invalid_request")]
    [InlineData("get_user", """{"userId": "mcp_nobody"}""", "user_not_found")]
    [InlineData("get_user", "{}", "invalid_request")]
    public async Task A_refusal_is_a_tool_error_with_its_code_and_what_to_do(string tool, string arguments, string code)
    {
        await using var agent = await ConnectAsync();

        var (isError, problem) = await CallAsync(agent, tool, arguments);

        isError.ShouldBeTrue();
        problem.Text("code").ShouldBe(code);
        problem.Text("detail").ShouldNotBeNullOrEmpty();
    }

    [Theory]
    [InlineData("get_message", "id", "messageId")]
    [InlineData("cancel_message", "message_id", "messageId")]
    [InlineData("get_user", "user", "userId")]
    public async Task An_argument_by_a_wrong_name_is_told_and_the_one_that_is_missing(string tool, string wrong, string right)
    {
        await using var agent = await ConnectAsync();

        var (isError, problem) = await CallAsync(agent, tool, $$"""{"{{wrong}}": "x"}""");

        (isError, problem.Text("code")).ShouldBe((true, "invalid_request"));
        problem.GetProperty("errors").EnumerateObject().Select(fault => (fault.Name, fault.Value[0].GetString())).ShouldBe(
            [(wrong, "is not a known field"), (right, "is required")], ignoreOrder: true);
    }

    [Theory]
    [InlineData("""{"name": "get_user", "arguments": []}""", "params.arguments: must be an object, with each argument by its name.")]
    [InlineData("""{"name": "get_user", "arguments": "x"}""", "params.arguments: must be an object, with each argument by its name.")]
    [InlineData("""{"name": "no_such_tool", "arguments": {}}""", "params.name: must be one of cancel_message, get_message, get_user, preview_message, schedule_message.")]
    [InlineData("""{"name": "\ud800"}""", "params.name: must be one of cancel_message, get_message, get_user, preview_message, schedule_message.")]
    [InlineData("""{"name": "get_user", "arguments": {"userId": "\ud800"}}""", "params: are none that the method takes, or hold half a surrogate pair.")]
    [InlineData("[]", "params: must be an object with the name of a tool, and its arguments.")]
    public async Task A_call_of_no_tool_or_without_arguments_by_name_is_told_so_and_is_no_fault_in_the_log(string parameters, string message)
    {
        using var request = Request($$"""{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {{parameters}}}""");
        using var response = await service.Client.SendAsync(request, TestContext.Current.CancellationToken);
        var data = (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split("data: ")[^1];

        var error = JsonDocument.Parse(data).RootElement.GetProperty("error");
        (error.GetProperty("code").GetInt32(), error.Text("message")).ShouldBe((-32602, message));
        service.Host.Output.ShouldNotContain("fail:");
        service.Host.Output.ShouldNotContain("Exception");
    }

    [Fact]
    public async Task Without_a_key_or_with_a_wrong_one_there_is_nothing_to_be_had()
    {
        const string List = """{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}""";

        foreach (var headers in ((string, string)[][])[[], [("Authorization", "Bearer wrong")]])
        {
            var (status, problem, response) = await service.Client.PostAsync("mcp", List, [("Accept", "application/json, text/event-stream"), .. headers]);
            (status, problem.Text("code")).ShouldBe((HttpStatusCode.Unauthorized, "unauthorized"));
            response.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
        }

        await Should.ThrowAsync<HttpRequestException>(() => ConnectAsync("wrong"));
    }

    [Fact]
    public async Task A_call_counts_once_against_its_keys_limit()
    {
        await using var host = await EmbeddedHost.StartAsync([.. service.Settings, ("ORCHESTRATOR_API_KEYS", Key), ("Orchestrator__RequestsPerMinute", "3")]);
        const string Call = """{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_user", "arguments": {"userId": "mcp_nobody"}}}""";

        for (var i = 0; i < 3; i++)
            (await PostAsync(host.Client, Call)).ShouldBe(HttpStatusCode.OK);
        (await PostAsync(host.Client, Call)).ShouldBe(HttpStatusCode.TooManyRequests);
    }

    [Theory]
    [InlineData("{", HttpStatusCode.BadRequest)]
    [InlineData("[]", HttpStatusCode.BadRequest)]
    [InlineData("{}", HttpStatusCode.BadRequest)]
    [InlineData("""{"jsonrpc": "1.0", "id": 1, "method": "tools/list"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"jsonrpc": "2.0", "id": {}, "method": "tools/list"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"jsonrpc": "2.0", "id": 1, "method": "\ud800"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": 5}""", HttpStatusCode.OK)]
    [InlineData("""{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_user", "arguments": {"userId": "\ud800"}}}""", HttpStatusCode.OK)]
    [InlineData("""{"jsonrpc": "2.0", "id": 1, "method": "no/such", "params": {}}""", HttpStatusCode.OK)]
    [InlineData("""{"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": []}""", HttpStatusCode.OK)]
    public async Task What_is_no_message_of_the_protocol_is_never_the_services_fault(string body, HttpStatusCode expected)
    {
        (await PostAsync(service.Client, body)).ShouldBe(expected);

        service.Host.Output.ShouldNotContain("fail:");
        service.Host.Output.ShouldNotContain("Exception");
    }

    [Fact]
    public async Task There_is_no_stream_and_no_session_to_open_or_end()
    {
        foreach (var method in (string[])["GET", "DELETE"])
        {
            using var request = new HttpRequestMessage(new HttpMethod(method), "mcp");
            request.Headers.Add("Authorization", $"Bearer {Key}");
            using var response = await service.Client.SendAsync(request, TestContext.Current.CancellationToken);
            response.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        }
    }

    private static HttpRequestMessage Request(string body)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, "mcp") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        request.Headers.Add("Authorization", $"Bearer {Key}");
        request.Headers.Add("Accept", "application/json, text/event-stream");
        return request;
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string body)
    {
        using var request = Request(body);
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }
}
