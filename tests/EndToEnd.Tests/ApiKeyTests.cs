using System.Net;

namespace Orchestrator.EndToEnd.Tests;

public sealed class ApiKeyTests(ServiceWithKeys service) : IClassFixture<ServiceWithKeys>
{
    private readonly HttpClient _client = service.Client;

    private static async Task<HttpResponseMessage> GetAsync(HttpClient client, string path, params (string Name, string Value)[] headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value).ShouldBeTrue();
        return await client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task A_keys_name_stands_in_the_trail_of_what_it_queued_and_the_name_is_no_key()
    {
        await service.AddUserAsync("user_keys");
        const string body = """{"userId": "user_keys", "agentId": "a", "messageData": {"content": "Hi"}}""";

        foreach (var wrong in (string[])["concierge", "concierge:new-key", "new-key ,plain", ""])
            (await _client.PostAsync("schedule-message", body, ("Authorization", $"Bearer {wrong}"))).Status.ShouldBe(HttpStatusCode.Unauthorized, wrong);
        var named = (await _client.PostAsync("schedule-message", body, ("Authorization", "bearer new-key"))).Body.GetProperty("messageId").GetGuid();
        var plain = (await _client.PostAsync("schedule-message", body, ("x-functions-key", "plain"))).Body.GetProperty("messageId").GetGuid();

        (await service.SingleAsync<string>(
            "SELECT output_data->>'key' FROM agent_actions_log WHERE context_id = @named AND action_type = 'message_queued'", new { named })).ShouldBe("concierge");
        (await service.SingleAsync<int>(
            "SELECT count(*)::int FROM agent_actions_log WHERE context_id = @plain AND action_type = 'message_queued'", new { plain })).ShouldBe(0);
    }

    [Fact]
    public async Task Whoever_looks_at_a_message_sees_by_whose_key_it_was_queued_changed_and_cancelled()
    {
        await service.AddUserAsync("user_of_two");
        const string body = """{"userId": "user_of_two", "agentId": "a", "messageData": {"content": "Hi"}, "scheduledFor": "2150-01-01T00:00:00Z"}""";
        var id = (await _client.PostAsync("schedule-message", body, ("x-functions-key", "new-key"))).Body.GetProperty("messageId").GetGuid();

        await SendAsync(HttpMethod.Patch, "office-key", """{"priority": "low"}""");
        await SendAsync(HttpMethod.Delete, "new-key", null);

        var (_, seen, _) = await Json.ReadAsync(await GetAsync(_client, $"messages/{id}", ("x-functions-key", "office-key")));
        seen.GetProperty("trail").EnumerateArray().Where(e => e.Text("event") != "message_deferred").Select(e => (e.Text("event"), e.Text("key"))).ShouldBe(
            [("message_queued", "concierge"), ("message_changed", "office"), ("message_cancelled", "concierge")]);

        async Task SendAsync(HttpMethod method, string key, string? content)
        {
            using var request = new HttpRequestMessage(method, $"messages/{id}");
            request.Headers.Add("x-functions-key", key);
            if (content is not null)
                request.Content = new StringContent(content, System.Text.Encoding.UTF8, "application/json");
            using var response = await _client.SendAsync(request, TestContext.Current.CancellationToken);
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task Where_a_proxy_wants_Authorization_for_itself_the_other_header_will_do()
    {
        using var passed = await GetAsync(_client, "users/nobody", ("Authorization", "Bearer a-token-of-the-proxy"), ("x-functions-key", "plain"));
        using var refused = await GetAsync(_client, "users/nobody", ("Authorization", "Bearer a-token-of-the-proxy"));

        passed.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        refused.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
    }

    [Fact]
    public async Task Whoever_has_no_key_learns_that_one_is_needed_and_whoever_has_a_wrong_one_that_it_is_not_known()
    {
        foreach (var none in (string[])["", "Bearer", "Bearer ", "Basic azE="])
            (await TitleForAsync(("Authorization", none))).ShouldBe("An API key is needed.", none);
        (await TitleForAsync(("Authorization", "Bearer concierge:new-key"))).ShouldBe("The API key is not known.");
        (await TitleForAsync(("x-functions-key", "k2"))).ShouldBe("The API key is not known.");

        async Task<string?> TitleForAsync((string, string) header)
        {
            var (status, problem, _) = await Json.ReadAsync(await GetAsync(_client, "users/nobody", header));
            (status, problem.Text("code")).ShouldBe((HttpStatusCode.Unauthorized, "unauthorized"));
            return problem.Text("title");
        }
    }

    [Fact]
    public async Task Health_tells_what_the_model_costs_and_who_sends_to_those_with_a_key_alone()
    {
        var (status, open, _) = await _client.GetJsonAsync("health");
        status.ShouldBe(HttpStatusCode.OK);
        open.EnumerateObject().Select(field => field.Name).Order().ShouldBe(["service", "stats", "status", "timestamp"]);

        var (_, closed, _) = await Json.ReadAsync(await GetAsync(_client, "health", ("Authorization", "Bearer plain")));
        closed.EnumerateObject().Select(field => field.Name).Order().ShouldBe(["model", "service", "sms", "stats", "status", "timestamp"]);
    }

    [Fact]
    public async Task A_key_that_has_used_up_its_minute_is_told_how_long_to_wait_and_others_go_on()
    {
        await using var host = await EmbeddedHost.StartAsync([.. service.Settings, ("ORCHESTRATOR_API_KEYS", "k1, k2"), ("Orchestrator__RequestsPerMinute", "3")]);

        for (var i = 0; i < 3; i++)
            (await GetAsync(host.Client, "users/nobody", ("x-functions-key", "k1"))).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        var (status, problem, response) = await Json.ReadAsync(await GetAsync(host.Client, "users/nobody", ("x-functions-key", "k1")));

        status.ShouldBe(HttpStatusCode.TooManyRequests);
        problem.Text("code").ShouldBe("too_many_requests");
        response.Headers.RetryAfter!.Delta!.Value.TotalSeconds.ShouldBeInRange(1, 60);
        (await GetAsync(host.Client, "users/nobody", ("x-functions-key", "k2"))).StatusCode.ShouldBe(HttpStatusCode.NotFound);
        (await GetAsync(host.Client, "users/nobody", ("x-functions-key", "wrong"))).StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        (await GetAsync(host.Client, "health", ("x-functions-key", "k1"))).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("ORCHESTRATOR_API_KEYS", "name:")]
    [InlineData("ORCHESTRATOR_API_KEYS", ":secret-of-mine")]
    [InlineData("ORCHESTRATOR_API_KEYS", " , ,")]
    [InlineData("ORCHESTRATOR_API_KEYS", "a name:secret-of-mine")]
    [InlineData("ORCHESTRATOR_API_KEYS", "a:secret-of-mine, b:secret-of-mine")]
    [InlineData("Orchestrator__RequestsPerMinute", "0")]
    [InlineData("Orchestrator__RetentionDays", "1")]
    public async Task A_wrong_setting_stops_the_start_with_one_line_that_names_it_and_no_key(string name, string value)
    {
        var (exitCode, output) = await EmbeddedHost.RunToEndAsync([.. service.Settings, (name, value)]);

        exitCode.ShouldBe(1);
        output.Trim().Split('\n').ShouldHaveSingleItem().ShouldStartWith($"{name}: ");
        output.ShouldNotContain("secret-of-mine");
    }
}
