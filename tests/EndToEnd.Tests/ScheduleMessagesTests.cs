using System.Net;
using System.Text;
using System.Text.Json;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>Many messages in one request, over HTTP.</summary>
public sealed class ScheduleMessagesTests(RunningService service) : IClassFixture<RunningService>
{
    private readonly HttpClient _client = service.Client;

    private async Task<string> NewUserAsync()
    {
        var id = $"many_{Guid.NewGuid():N}";
        await service.AddUserAsync(id);
        return id;
    }

    private static string Message(string user, string content = "Hi", string more = "") =>
        $$"""{"userId": "{{user}}", "agentId": "a", "messageData": {"content": "{{content}}"}{{more}} }""";

    private static string Many(params IEnumerable<string> messages) => $$"""{"messages": [{{string.Join(", ", messages)}}]}""";

    private Task<int> StoredForAsync(string user) => service.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id = @user", new { user });

    private async Task<JsonElement[]> ScheduleAsync(string body, string path = "schedule-messages")
    {
        var (status, answer, _) = await _client.PostAsync(path, body);
        status.ShouldBe(HttpStatusCode.OK);
        answer.GetProperty("success").GetBoolean().ShouldBeTrue();
        return [.. answer.GetProperty("results").EnumerateArray()];
    }

    [Fact]
    public async Task A_thousand_messages_are_answered_in_their_order()
    {
        var user = await NewUserAsync();

        var results = await ScheduleAsync(Many(Enumerable.Range(0, 1000).Select(i => Message(user, $"number {i}"))));

        results.Length.ShouldBe(1000);
        foreach (var i in (int[])[0, 1, 499, 999])
        {
            var id = results[i].GetProperty("messageId").GetGuid();
            (await service.SingleAsync<string>("SELECT message_data ->> 'content' FROM message_queue WHERE id = @id", new { id })).ShouldBe($"number {i}");
        }

        (await StoredForAsync(user)).ShouldBe(1000);
    }

    [Fact]
    public async Task What_is_wrong_with_one_message_is_told_of_that_one_and_spoils_none_of_the_others()
    {
        var user = await NewUserAsync();

        var results = await ScheduleAsync(Many(
            Message(user),
            """{"userId": 5, "colour": "red"}""",
            "null",
            Message("many_nobody"),
            Message(user, more: """, "expiresAt": "2001-01-01T00:00:00Z" """),
            $$"""{"userId": "{{user}}", "agentId": "a", "messageData": {"event": "x"} }""",
            Message(user, content: new string('x', 256 * 1024)),
            Message(user, more: """, "idempotencyKey": " " """),
            Message(user)));

        results.Select(r => r.GetProperty("success").GetBoolean()).ShouldBe([true, false, false, false, false, false, false, false, true]);
        results[1..^1].Select(r => (r.GetProperty("status").GetInt32(), r.Text("code"))).ShouldBe(
        [
            (400, "invalid_request"), (400, "invalid_request"), (404, "user_not_found"), (400, "invalid_request"), (422, "model_not_configured"), (413, "body_too_large"), (400, "invalid_request"),
        ]);
        results[1].GetProperty("errors").EnumerateObject().Select(field => field.Name).ShouldBe(["agentId", "colour", "messageData", "userId"]);
        (await StoredForAsync(user)).ShouldBe(2);
    }

    [Theory]
    [InlineData("""{"userId": "x", "userId": "x", "agentId": "a", "messageData": {"content": "Hi"}}""", "The field 'userId' is there twice.")]
    [InlineData("""{"userId": "x", "us\u0065rId": "x", "agentId": "a", "messageData": {"content": "Hi"}}""", "The field 'userId' is there twice.")]
    [InlineData("""{"userId": "x", "agentId": "a", "messageData": {"content": "Hi", "links": [{"a": 1}, {"a": 1, "a": 2}]}}""", "The field 'messageData.links.a' is there twice.")]
    [InlineData("""{"userId": "x", "agentId": "a", "messageData": {"\ud800": 1}}""", "A field name holds half a surrogate pair.")]
    [InlineData("""{"userId": "x", "agentId": "a", "messageData": {"deep": DEEP}}""", "It is nested deeper than 64 levels.")]
    public async Task A_message_with_a_field_twice_or_nested_too_deep_is_refused_alone(string bad, string detail)
    {
        var user = await NewUserAsync();
        bad = bad.Replace("DEEP", new string('[', 100) + new string(']', 100), StringComparison.Ordinal);

        var results = await ScheduleAsync(Many(Message(user), bad, Message(user)));

        results.Select(r => r.GetProperty("success").GetBoolean()).ShouldBe([true, false, true]);
        (results[1].GetProperty("status").GetInt32(), results[1].Text("code"), results[1].Text("detail")).ShouldBe((400, "malformed_json", detail));
        (await StoredForAsync(user)).ShouldBe(2);
    }

    [Theory]
    [InlineData(1_000)]
    [InlineData(1_500_000)]
    public async Task A_list_that_is_nested_without_end_is_refused_at_once(int levels)
    {
        var (status, problem, _) = await _client.PostAsync(
            "schedule-messages", $$"""{"messages": [{{new string('[', levels)}}{{new string(']', levels)}}]}""");

        (status, problem.Text("code"), problem.Text("detail")).ShouldBe((HttpStatusCode.BadRequest, "malformed_json", "It is nested more than 256 levels deep."));
    }

    [Fact]
    public async Task A_list_that_is_there_twice_is_no_list()
    {
        var user = await NewUserAsync();

        var (status, problem, _) = await _client.PostAsync("schedule-messages", $$"""{"messages": [{{Message(user)}}], "messages": [{{Message(user)}}]}""");

        (status, problem.Text("code"), problem.Text("detail")).ShouldBe((HttpStatusCode.BadRequest, "malformed_json", "The field 'messages' is there twice."));
        (await StoredForAsync(user)).ShouldBe(0);
    }

    [Fact]
    public async Task Each_message_has_a_key_of_its_own_and_a_request_that_got_no_answer_is_repeated_whole()
    {
        var user = await NewUserAsync();
        var body = Many(Message(user, "1", $$""", "idempotencyKey": "{{user}}-1" """), Message(user, "2", $$""", "idempotencyKey": "{{user}}-2" """));

        var first = await ScheduleAsync(body);
        var second = await ScheduleAsync(body);

        second.Select(r => r.GetProperty("messageId").GetGuid()).ShouldBe(first.Select(r => r.GetProperty("messageId").GetGuid()));
        first.Any(Replayed).ShouldBeFalse();
        second.All(Replayed).ShouldBeTrue();
        (await StoredForAsync(user)).ShouldBe(2);

        static bool Replayed(JsonElement result) => result.TryGetProperty("replayed", out var replayed) && replayed.GetBoolean();
    }

    [Fact]
    public async Task A_key_for_another_message_is_refused_and_one_that_is_still_running_says_when_to_ask_again()
    {
        var user = await NewUserAsync();
        var key = $$""", "idempotencyKey": "{{user}}" """;
        await ScheduleAsync(Many(Message(user, "1", key)));

        var reused = (await ScheduleAsync(Many(Message(user, "2", key)))).ShouldHaveSingleItem();
        (reused.GetProperty("status").GetInt32(), reused.Text("code")).ShouldBe((422, "idempotency_key_reused"));

        await service.ExecuteAsync("UPDATE idempotency_keys SET running_until = now() + interval '1 hour' WHERE key = @user", new { user });
        var running = (await ScheduleAsync(Many(Message(user, "1", key)))).ShouldHaveSingleItem();
        (running.GetProperty("status").GetInt32(), running.Text("code"), running.GetProperty("retryAfter").GetInt32()).ShouldBe((409, "idempotency_key_running", 1));
    }

    [Fact]
    public async Task A_dry_run_answers_for_each_and_stores_nothing()
    {
        var user = await NewUserAsync();

        var results = await ScheduleAsync(Many(Message(user), Message("many_nobody"), Message(user, more: $$""", "idempotencyKey": "{{user}}" """)), "schedule-messages?dryRun=true");

        results.Select(r => r.GetProperty("success").GetBoolean()).ShouldBe([true, false, true]);
        results[0].GetProperty("messageId").ValueKind.ShouldBe(JsonValueKind.Null);
        (await StoredForAsync(user)).ShouldBe(0);
        (await service.SingleAsync<int>("SELECT count(*)::int FROM idempotency_keys WHERE key = @user", new { user })).ShouldBe(0);
    }

    [Fact]
    public async Task A_thousand_and_one_are_refused_whole()
    {
        var user = await NewUserAsync();

        var (status, problem, _) = await _client.PostAsync("schedule-messages", Many(Enumerable.Repeat(Message(user), 1001)));

        (status, problem.Text("code")).ShouldBe((HttpStatusCode.BadRequest, "invalid_request"));
        problem.GetProperty("errors").GetProperty("messages")[0].GetString().ShouldBe("must be a list of 1 to 1000 messages");
        (await StoredForAsync(user)).ShouldBe(0);
    }

    [Theory]
    [InlineData("""{"messages": []}""", "messages")]
    [InlineData("""{"messages": {}}""", "messages")]
    [InlineData("""{"messages": null}""", "messages")]
    [InlineData("{}", "messages")]
    [InlineData("""{"messages": [1], "priority": "low"}""", "priority")]
    public async Task What_is_no_list_of_messages_is_refused_by_field(string body, string field)
    {
        var (status, problem, _) = await _client.PostAsync("schedule-messages", body);

        (status, problem.Text("code")).ShouldBe((HttpStatusCode.BadRequest, "invalid_request"));
        problem.GetProperty("errors").EnumerateObject().ShouldHaveSingleItem().Name.ShouldBe(field);
    }

    [Fact]
    public async Task The_header_for_one_key_is_refused()
    {
        var user = await NewUserAsync();

        var (status, problem, _) = await _client.PostAsync("schedule-messages", Many(Message(user)), ("Idempotency-Key", "k"));

        (status, problem.Text("code")).ShouldBe((HttpStatusCode.BadRequest, "invalid_request"));
        problem.GetProperty("errors").TryGetProperty("Idempotency-Key", out _).ShouldBeTrue();
        (await StoredForAsync(user)).ShouldBe(0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_body_of_4_MiB_is_taken_and_one_byte_more_is_413_whether_its_length_is_told_or_not(bool tellsLength)
    {
        const int Most = 4 * 1024 * 1024;
        var user = await NewUserAsync();
        var body = Encoding.UTF8.GetBytes(Many(Enumerable.Range(0, 30).Select(_ => Message(user, new string('x', 100_000)))));

        (await SendAsync(Most)).StatusCode.ShouldBe(HttpStatusCode.OK);
        using var refused = await SendAsync(Most + 1);

        refused.StatusCode.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        (await StoredForAsync(user)).ShouldBe(30);

        async Task<HttpResponseMessage> SendAsync(int length)
        {
            // White space behind the object is part of the body, and of no message.
            using var request = new HttpRequestMessage(HttpMethod.Post, "schedule-messages")
            {
                Content = new ByteArrayContent([.. body, .. Enumerable.Repeat((byte)' ', length - body.Length)]),
            };
            request.Content.Headers.ContentType = new("application/json");
            request.Headers.TransferEncodingChunked = !tellsLength;
            return await _client.SendAsync(request, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public async Task The_keys_name_stands_in_the_trail_of_each()
    {
        await using var host = await EmbeddedHost.StartAsync([.. service.Settings, ("ORCHESTRATOR_API_KEYS", "office:k1")]);
        var user = await NewUserAsync();

        var (_, answer, _) = await host.Client.PostAsync("schedule-messages", Many(Message(user), Message(user, more: """, "topic": "t" """)), ("x-functions-key", "k1"));

        foreach (var result in answer.GetProperty("results").EnumerateArray())
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"messages/{result.GetProperty("messageId").GetGuid()}");
            request.Headers.Add("x-functions-key", "k1");
            var (_, seen, _) = await Json.ReadAsync(await host.Client.SendAsync(request, TestContext.Current.CancellationToken));
            seen.GetProperty("trail")[0].Text("key").ShouldBe("office");
        }
    }
}
