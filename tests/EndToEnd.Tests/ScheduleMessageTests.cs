using System.Net;
using System.Text;
using System.Text.Json;

namespace Orchestrator.EndToEnd.Tests;

public sealed class ScheduleMessageTests(RunningService service) : IClassFixture<RunningService>
{
    private readonly HttpClient _client = service.Client;

    private static string Body(string userId, string more = "") =>
        $$"""{"userId": "{{userId}}", "agentId": "concierge_agent_456", "messageData": {"content": "Hi"}{{more}}}""";

    private async Task<string> NewUserAsync()
    {
        var id = $"user_{Guid.NewGuid():N}";
        await service.AddUserAsync(id);
        return id;
    }

    [Fact]
    public async Task The_request_of_the_replaced_services_description_is_accepted_as_it_stands_and_becomes_a_pending_message()
    {
        await service.AddUserAsync("user_123");
        await service.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number) VALUES ('conv_789', 'user_123', '+15555550123')");

        var (status, answer, _) = await _client.PostAsync("schedule-message",
            """
            {
              "userId": "user_123",
              "agentId": "concierge_agent_456",
              "messageData": {
                "content": "Your intro request has been matched!"
              },
              "priority": "high",
              "canDelay": true,
              "requiresFreshContext": false,
              "conversationId": "conv_789"
            }
            """);

        status.ShouldBe(HttpStatusCode.OK);
        answer.GetProperty("success").GetBoolean().ShouldBeTrue();
        answer.Text("status").ShouldBe("queued");
        var id = answer.GetProperty("messageId").GetGuid();
        var (_, pass, _) = await _client.PostAsync("process-queue", "");
        pass.GetProperty("success").GetBoolean().ShouldBeTrue();
        pass.Text("message").ShouldBe("Queue processed successfully");
        pass.GetProperty("lastProcessTime").GetDateTimeOffset().ShouldBeGreaterThan(DateTimeOffset.UnixEpoch);
        pass.GetProperty("delivered").GetInt32().ShouldBeGreaterThanOrEqualTo(1);
        (await service.SingleAsync<(string, string, string, string)>(
            "SELECT conversation_id, role, content, status FROM messages WHERE id = @id", new { id }))
            .ShouldBe(("conv_789", "concierge", "Your intro request has been matched!", "pending"));
    }

    [Fact]
    public async Task Every_fault_of_a_request_is_named_at_once()
    {
        var (status, problem, response) = await _client.PostAsync("schedule-message",
            """
            {"userId": 5, "agentId": " ", "messageData": "text", "priority": "highest", "canDelay": "yes", "requiresFreshContext": 1,
             "conversationId": "", "scheduledFor": "tomorrow", "expiresAt": 7, "colour": "red", "topic": 1, "sequence": {"position": 4, "total": 3, "of": 1}}
            """);

        status.ShouldBe(HttpStatusCode.BadRequest);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        problem.Text("code").ShouldBe("invalid_request");
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).Order().ShouldBe(
            ["agentId", "canDelay", "colour", "conversationId", "expiresAt", "messageData", "priority", "requiresFreshContext", "scheduledFor",
             "sequence.id", "sequence.of", "sequence.position", "topic", "userId"]);
    }

    [Theory]
    [InlineData("{", "malformed_json")]
    [InlineData("", "malformed_json")]
    [InlineData("[]", "malformed_json")]
    [InlineData("null", "malformed_json")]
    [InlineData("""{"userId": "a", "userId": "b"}""", "malformed_json")]
    [InlineData("{}", "invalid_request")]
    [InlineData("""{"userId": "a\u0000b", "agentId": "x", "messageData": {"content": "c"}}""", "invalid_request")]
    [InlineData("""{"userId": "a", "agentId": "x", "messageData": {"content": "c\u0000"}}""", "invalid_request")]
    [InlineData("""{"userId": "a", "agentId": "x", "messageData": {"content": "\ud800"}}""", "invalid_request")]
    [InlineData("""{"userId": "a", "agentId": "x", "messageData": {"content": ""}}""", "invalid_request")]
    [InlineData("""{"userId": "a", "agentId": "x", "messageData": {"\u0000": 1, "content": "c"}}""", "invalid_request")]
    [InlineData("""{"userId": "a", "agentId": "x", "messageData": {"content": "c"}, "\ud800": 1}""", "malformed_json")]
    [InlineData("""{"userId": "a", "agentId": "x", "messageData": {"content": "c"}, "expiresAt": "2001-01-01T00:00:00Z", "scheduledFor": "2002-01-01T00:00:00Z"}""", "invalid_request")]
    [InlineData("""{"userId": "a", "agentId": "x", "messageData": {"content": "c"}, "scheduledFor": "9999-12-31T23:59:59Z"}""", "invalid_request")]
    public async Task Bad_input_is_refused_with_400_and_a_code(string body, string code)
    {
        var (status, problem, _) = await _client.PostAsync("schedule-message", body);

        status.ShouldBe(HttpStatusCode.BadRequest);
        problem.Text("code").ShouldBe(code);
        problem.GetProperty("status").GetInt32().ShouldBe(400);
    }

    [Theory]
    [InlineData("schedule-message")]
    [InlineData("schedule-messages")]
    [InlineData("mcp")]
    public async Task A_body_that_is_no_text_is_refused_as_malformed(string path)
    {
        using var body = new ByteArrayContent([.. "{\"userId\": \""u8, 0xFF, .. "\"}"u8]);
        body.Headers.ContentType = new("application/json");

        var (status, problem, _) = await Json.ReadAsync(await _client.PostAsync(new Uri(path, UriKind.Relative), body, TestContext.Current.CancellationToken));

        (status, problem.Text("code")).ShouldBe((HttpStatusCode.BadRequest, "malformed_json"));
    }

    [Fact]
    public async Task Numbers_and_nesting_that_the_database_cannot_hold_are_refused_not_an_error_of_the_server()
    {
        var user = await NewUserAsync();
        foreach (var data in (string[])["""{"content": "x", "n": 1e999999}""", $$"""{"content": "x", "d": {{new string('[', 200)}}{{new string(']', 200)}}}"""])
        {
            var (status, _, _) = await _client.PostAsync(
                "schedule-message", $$"""{"userId": "{{user}}", "agentId": "a", "messageData": {{data}}}""");
            status.ShouldBe(HttpStatusCode.BadRequest);
        }

        (await service.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id = @user", new { user })).ShouldBe(0);
    }

    [Fact]
    public async Task An_expiry_that_is_already_past_is_refused()
    {
        var (status, problem, _) = await _client.PostAsync("schedule-message", Body(await NewUserAsync(), """, "expiresAt": "2020-01-01T00:00:00Z" """));

        status.ShouldBe(HttpStatusCode.BadRequest);
        problem.GetProperty("errors").TryGetProperty("expiresAt", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task An_unknown_user_or_conversation_is_404_and_stores_nothing()
    {
        var user = await NewUserAsync();
        var stranger = await NewUserAsync();
        await service.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number) VALUES (@stranger, @stranger, '+15555550100')", new { stranger });

        (await _client.PostAsync("schedule-message", Body("nobody"))).Body.Text("code").ShouldBe("user_not_found");
        foreach (var conversation in (string[])["nothing", stranger])
        {
            var (status, problem, _) = await _client.PostAsync("schedule-message", Body(user, $$""", "conversationId": "{{conversation}}" """));
            status.ShouldBe(HttpStatusCode.NotFound);
            problem.Text("code").ShouldBe("conversation_not_found");
        }

        (await service.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id IN ('nobody', @user)", new { user })).ShouldBe(0);
    }

    [Fact]
    public async Task A_body_of_256_KiB_is_taken_and_one_byte_more_is_413_whether_its_length_is_told_or_not()
    {
        var user = await NewUserAsync();
        string Filled(int filler) => Body(user).Replace("\"Hi\"", $"\"Hi\", \"filler\": \"{new string('f', filler)}\"", StringComparison.Ordinal);
        string Sized(int bytes) => Filled(bytes - Filled(0).Length);

        (await _client.PostAsync("schedule-message", Sized(256 * 1024))).Status.ShouldBe(HttpStatusCode.OK);
        (await _client.PostAsync("schedule-message", Sized((256 * 1024) + 1))).Status.ShouldBe(HttpStatusCode.RequestEntityTooLarge);

        using var chunked = new HttpRequestMessage(HttpMethod.Post, "schedule-message");
        chunked.Headers.TransferEncodingChunked = true;
        chunked.Content = new StringContent(Sized((256 * 1024) + 1), Encoding.UTF8, "application/json");
        (await _client.SendAsync(chunked, TestContext.Current.CancellationToken)).StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData("application/json; charset=utf-16")]
    public async Task Another_content_type_is_415(string type)
    {
        using var content = new StringContent(Body("user"));
        content.Headers.Remove("Content-Type");
        content.Headers.TryAddWithoutValidation("Content-Type", type);

        var response = await _client.PostAsync(new Uri("schedule-message", UriKind.Relative), content, TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
        (await Json.ReadAsync(response)).Body.Text("code").ShouldBe("unsupported_media_type");
    }

    [Fact]
    public async Task An_unknown_path_and_a_wrong_method_are_problems_too()
    {
        (await _client.GetJsonAsync("nowhere")).Body.Text("code").ShouldBe("not_found");
        var (status, problem, _) = await _client.GetJsonAsync("schedule-message");
        status.ShouldBe(HttpStatusCode.MethodNotAllowed);
        problem.Text("code").ShouldBe("method_not_allowed");
    }

    [Fact]
    public async Task A_dry_run_answers_the_same_and_stores_nothing()
    {
        var user = await NewUserAsync();
        var later = DateTimeOffset.UtcNow.AddHours(3);
        var body = Body(user, $$""", "scheduledFor": "{{later:O}}" """);

        var (status, dry, _) = await _client.PostAsync("schedule-message?dryRun=true", body);
        (await service.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id = @user", new { user })).ShouldBe(0);
        var (_, real, _) = await _client.PostAsync("schedule-message", body);

        status.ShouldBe(HttpStatusCode.OK);
        dry.GetProperty("messageId").ValueKind.ShouldBe(JsonValueKind.Null);
        dry.GetProperty("scheduledFor").GetDateTimeOffset().ShouldBe(later, TimeSpan.FromMilliseconds(1));
        foreach (var field in (string[])["success", "status", "scheduledFor", "code", "reason"])
            dry.GetProperty(field).ToString().ShouldBe(real.GetProperty(field).ToString());
        (await _client.PostAsync("schedule-message?dryRun=perhaps", body)).Status.ShouldBe(HttpStatusCode.BadRequest);
    }

    [Fact]
    public async Task An_urgent_message_is_dispatched_inside_the_request_and_the_next_is_told_its_slot()
    {
        var user = await NewUserAsync();

        var (_, first, _) = await _client.PostAsync("schedule-message", Body(user, """, "priority": "urgent" """));
        var (_, second, _) = await _client.PostAsync("schedule-message", Body(user, """, "priority": "urgent" """));

        first.Text("status").ShouldBe("sent");
        second.Text("status").ShouldBe("queued");
        second.Text("code").ShouldBe("cooldown");
        (second.GetProperty("scheduledFor").GetDateTimeOffset() - first.GetProperty("scheduledFor").GetDateTimeOffset())
            .ShouldBeGreaterThan(TimeSpan.FromSeconds(29.9));
        (await service.SingleAsync<string>("SELECT status FROM messages WHERE user_id = @user", new { user })).ShouldBe("pending");
    }

    [Fact]
    public async Task The_first_answer_of_an_idempotency_key_comes_back_to_the_letter()
    {
        var user = await NewUserAsync();
        foreach (var lane in (string[])["medium", "urgent"])
        {
            var key = ("Idempotency-Key", $"key of {user} {lane}");
            var body = Body(user, $$""", "priority": "{{lane}}" """);
            var (_, first, _) = await _client.PostAsync("schedule-message", body, key);
            var (status, again, replay) = await _client.PostAsync("schedule-message", " " + body, key);

            status.ShouldBe(HttpStatusCode.OK);
            again.GetRawText().ShouldBe(first.GetRawText());
            replay.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
            var (other, problem, _) = await _client.PostAsync("schedule-message", Body(user, """, "priority": "low" """), key);
            other.ShouldBe(HttpStatusCode.UnprocessableEntity);
            problem.Text("code").ShouldBe("idempotency_key_reused");
        }

        (await service.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id = @user", new { user })).ShouldBe(2);
    }

    [Fact]
    public async Task A_key_whose_first_request_still_runs_is_409_and_says_when_to_ask_again()
    {
        await service.AddUserAsync("user_running");
        const string Body = """{"userId": "user_running", "agentId": "a", "messageData": {"content": "Hi"}}""";
        await _client.PostAsync("schedule-message", Body, ("Idempotency-Key", "still-running"));
        await service.ExecuteAsync("UPDATE idempotency_keys SET running_until = now() + interval '1 hour' WHERE key = 'still-running'");

        var (status, problem, response) = await _client.PostAsync("schedule-message", Body, ("Idempotency-Key", "still-running"));

        (status, problem.Text("code")).ShouldBe((HttpStatusCode.Conflict, "idempotency_key_running"));
        response.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
    }

    [Fact]
    public async Task A_refused_request_stores_no_key()
    {
        var user = await NewUserAsync();
        var key = ("Idempotency-Key", $"refused {user}");

        (await _client.PostAsync("schedule-message", Body("nobody"), key)).Status.ShouldBe(HttpStatusCode.NotFound);
        (await _client.PostAsync("schedule-message", "{}", key)).Status.ShouldBe(HttpStatusCode.BadRequest);

        var (status, _, response) = await _client.PostAsync("schedule-message", Body(user), key);
        status.ShouldBe(HttpStatusCode.OK);
        response.Headers.Contains("Idempotent-Replayed").ShouldBeFalse();
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public async Task An_empty_idempotency_key_is_refused(string key) =>
        (await _client.PostAsync("schedule-message", Body("user"), ("Idempotency-Key", key))).Status.ShouldBe(HttpStatusCode.BadRequest);

    [Fact]
    public async Task An_idempotency_key_has_at_most_255_characters()
    {
        var user = await NewUserAsync();
        (await _client.PostAsync("schedule-message", Body(user), ("Idempotency-Key", new string('k', 256)))).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await _client.PostAsync("schedule-message", Body(user), ("Idempotency-Key", user + new string('k', 255 - user.Length)))).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Without_a_model_a_message_without_content_is_refused()
    {
        var (status, problem, _) = await _client.PostAsync(
            "schedule-message", $$$"""{"userId": "{{{await NewUserAsync()}}}", "agentId": "a", "messageData": {"match": "Ann"}}""");

        status.ShouldBe(HttpStatusCode.UnprocessableEntity);
        problem.Text("code").ShouldBe("model_not_configured");
        problem.Text("detail")!.ShouldContain("messageData.content");
    }

    [Fact]
    public async Task Health_has_the_shape_of_the_replaced_service()
    {
        await _client.PostAsync("process-queue", "");

        var (status, health, _) = await _client.GetJsonAsync("health");

        status.ShouldBe(HttpStatusCode.OK);
        health.Text("status").ShouldBe("healthy");
        health.Text("service").ShouldBe("message-orchestrator");
        health.GetProperty("timestamp").GetDateTimeOffset().ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        var stats = health.GetProperty("stats");
        stats.GetProperty("messagesQueued").GetInt64().ShouldBeGreaterThanOrEqualTo(0);
        stats.GetProperty("messagesProcessed").GetInt64().ShouldBeGreaterThanOrEqualTo(0);
        stats.GetProperty("lastProcessTime").GetDateTimeOffset().ShouldBe(DateTimeOffset.UtcNow, TimeSpan.FromMinutes(1));
        stats.GetProperty("processorRunning").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public async Task With_keys_configured_a_request_without_one_is_401_and_health_stays_open()
    {
        await using var host = await EmbeddedHost.StartAsync([.. service.Settings, ("ORCHESTRATOR_API_KEYS", "first, second")]);
        var body = Body(await NewUserAsync());

        var (status, problem, response) = await host.Client.PostAsync("schedule-message", body);
        status.ShouldBe(HttpStatusCode.Unauthorized);
        problem.Text("code").ShouldBe("unauthorized");
        response.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
        (await host.Client.PostAsync("process-queue", "", ("x-functions-key", "third"))).Status.ShouldBe(HttpStatusCode.Unauthorized);

        (await host.Client.PostAsync("schedule-message", body, ("Authorization", "Bearer second"))).Status.ShouldBe(HttpStatusCode.OK);
        (await host.Client.PostAsync("process-queue", "", ("x-functions-key", "first"))).Status.ShouldBe(HttpStatusCode.OK);
        (await host.Client.GetJsonAsync("health")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Neither_content_nor_phone_numbers_are_logged()
    {
        var user = await NewUserAsync();
        await _client.PostAsync("schedule-message", $$"""{"userId": "{{user}}", "agentId": "a", "messageData": {"content": "a-most-private-text"}, "priority": "urgent"}""");
        await _client.PostAsync("process-queue", "");

        await Eventually.HoldsAsync(() => Task.FromResult(service.Host.Output.Contains("Successfully delivered message", StringComparison.Ordinal)), "the delivery is logged");

        service.Host.Output.ShouldContain("Message queued with ID ");
        service.Host.Output.ShouldContain("Processing message queue...");
        service.Host.Output.ShouldNotContain("a-most-private-text");
        service.Host.Output.ShouldNotContain("5555550100");
    }
}
