using System.Net;
using System.Text.Json;

namespace Orchestrator.EndToEnd.Tests;

public sealed class SequenceAndTopicTests(RunningService service) : IClassFixture<RunningService>
{
    private readonly HttpClient _client = service.Client;

    private static string Body(string userId, string rest) => $$"""{"userId": "{{userId}}", "agentId": "concierge_agent_456", "priority": "high", {{rest}}}""";

    private static string Part(string userId, int position, int total, string id = "seq_1") => Body(userId,
        $$"""
        "messageData": {"content": "Part {{position}}"}, "sequence": {"id": "{{id}}", "position": {{position}}, "total": {{total}}}
        """);

    private const string Three =
        """
        "messages": [{"messageData": {"content": "One"}}, {"messageData": {"content": "Two"}}, {"messageData": {"content": "Three"}}]
        """;

    private async Task<string> NewUserAsync()
    {
        var id = $"user_{Guid.NewGuid():N}";
        await service.AddUserAsync(id);
        return id;
    }

    private Task<string> HandedOverAsync(string user) => service.SingleAsync<string>(
        "SELECT coalesce(string_agg(content, ', ' ORDER BY created_at, id), '') FROM messages WHERE user_id = @user", new { user });

    private static IEnumerable<string> Faults(JsonElement problem) => problem.GetProperty("errors").EnumerateObject().Select(e => e.Name);

    [Fact]
    public async Task Several_messages_of_one_request_get_one_answer_with_all_their_ids()
    {
        var user = await NewUserAsync();
        var key = ("Idempotency-Key", user);

        var (status, answer, _) = await _client.PostAsync("schedule-message", Body(user, Three), key);
        var (_, again, replay) = await _client.PostAsync("schedule-message", Body(user, Three), key);

        status.ShouldBe(HttpStatusCode.OK);
        answer.EnumerateObject().Select(f => f.Name).ShouldBe(["success", "messageId", "messageIds", "status", "scheduledFor"], ignoreOrder: true);
        answer.GetProperty("messageIds").GetArrayLength().ShouldBe(3);
        answer.GetProperty("messageIds")[0].GetGuid().ShouldBe(answer.GetProperty("messageId").GetGuid());
        again.GetRawText().ShouldBe(answer.GetRawText());
        replay.Headers.GetValues("Idempotent-Replayed").ShouldBe(["true"]);
        await _client.PostAsync("process-queue", "");
        (await HandedOverAsync(user)).ShouldBe("One, Two, Three");
    }

    [Fact]
    public async Task Urgent_ones_are_sent_inside_the_request()
    {
        var user = await NewUserAsync();

        var (_, answer, _) = await _client.PostAsync("schedule-message", Body(user, Three).Replace("high", "urgent", StringComparison.Ordinal));

        answer.Text("status").ShouldBe("sent");
        answer.GetProperty("messageIds").GetArrayLength().ShouldBe(3);
        (await HandedOverAsync(user)).ShouldBe("One, Two, Three");
    }

    [Fact]
    public async Task A_sequence_over_several_requests_goes_out_when_its_last_message_has_arrived()
    {
        var user = await NewUserAsync();
        var (_, second, _) = await _client.PostAsync("schedule-message", Part(user, 2, 2));
        second.Text("status").ShouldBe("queued");
        second.Text("code").ShouldBe("sequence_unfinished");
        (second.GetProperty("scheduledFor").GetDateTimeOffset() - DateTimeOffset.UtcNow).ShouldBe(TimeSpan.FromHours(24), TimeSpan.FromMinutes(1));
        await _client.PostAsync("process-queue", "");
        (await HandedOverAsync(user)).ShouldBe("");

        var (_, first, _) = await _client.PostAsync("schedule-message", Part(user, 1, 2));
        first.TryGetProperty("code", out _).ShouldBeFalse();
        await _client.PostAsync("process-queue", "");
        (await HandedOverAsync(user)).ShouldBe("Part 1, Part 2");
    }

    [Fact]
    public async Task A_message_that_does_not_fit_its_sequence_is_422_with_the_field()
    {
        var user = await NewUserAsync();
        await _client.PostAsync("schedule-message", Part(user, 1, 2));

        foreach (var (body, field) in ((string, string)[])[(Part(user, 1, 2), "sequence.position"), (Part(user, 2, 3), "sequence.total")])
        {
            var (status, problem, _) = await _client.PostAsync("schedule-message", body);
            status.ShouldBe(HttpStatusCode.UnprocessableEntity);
            problem.Text("code").ShouldBe("sequence_conflict");
            Faults(problem).ShouldBe([field]);
        }
    }

    [Theory]
    [InlineData(""" "messageData": {"content": "x"}, "sequence": {"id": "s", "position": 0, "total": 2} """, "sequence.position")]
    [InlineData(""" "messageData": {"content": "x"}, "sequence": {"id": "s", "position": 3, "total": 2} """, "sequence.position")]
    [InlineData(""" "messageData": {"content": "x"}, "sequence": {"id": "s", "position": 1, "total": 21} """, "sequence.total")]
    [InlineData(""" "messageData": {"content": "x"}, "sequence": {"id": "", "position": 1.5, "total": "2"} """, "sequence.id sequence.position sequence.total")]
    [InlineData(""" "messageData": {"content": "x"}, "sequence": {} """, "sequence.id sequence.position sequence.total")]
    [InlineData(""" "messageData": {"content": "x"}, "sequence": 1 """, "sequence")]
    [InlineData(""" "messages": [] """, "messages")]
    [InlineData(""" "messages": {"content": "x"} """, "messages")]
    [InlineData(""" "messages": [1, {}, {"messageData": {"content": " "}}, {"messageData": {"content": "x"}, "topic": "t"}] """,
        "messages[0] messages[1].messageData messages[2].messageData.content messages[3].topic")]
    [InlineData(""" "messages": [{"messageData": {"content": "x"}}], "messageData": {"content": "x"}, "sequence": {"id": "s", "position": 1, "total": 1} """,
        "messageData sequence")]
    [InlineData(""" "topic": "", "messageData": {"content": "x"} """, "topic")]
    [InlineData(""" "topic": 1 """, "messageData topic")]
    public async Task Every_fault_of_a_sequence_or_a_topic_is_named(string rest, string faults)
    {
        var (status, problem, _) = await _client.PostAsync("schedule-message", Body("user", rest));

        status.ShouldBe(HttpStatusCode.BadRequest);
        problem.Text("code").ShouldBe("invalid_request");
        string.Join(' ', Faults(problem)).ShouldBe(faults);
    }

    [Fact]
    public async Task Twenty_messages_are_taken_and_twenty_one_are_not_and_each_needs_content()
    {
        var user = await NewUserAsync();
        static string Messages(int count) => $"\"messages\": [{string.Join(", ", Enumerable.Repeat("""{"messageData": {"content": "x"}}""", count))}]";

        (await _client.PostAsync("schedule-message", Body(user, Messages(20)))).Status.ShouldBe(HttpStatusCode.OK);
        (await _client.PostAsync("schedule-message", Body(user, Messages(21)))).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await _client.PostAsync("schedule-message", Body(user, """ "messages": [{"messageData": {"content": "x"}}, {"messageData": {"match": "Ann"}}] """)))
            .Body.Text("code").ShouldBe("model_not_configured");
    }

    [Fact]
    public async Task A_newer_message_of_a_topic_supersedes_the_one_that_waits()
    {
        var user = await NewUserAsync();
        var longest = new string('t', 255);
        string About(string content) => Body(user, $$""" "topic": "{{longest}}", "messageData": {"content": "{{content}}"} """);
        var (_, older, _) = await _client.PostAsync("schedule-message", About("Three matches"));

        var (_, newer, _) = await _client.PostAsync("schedule-message", About("Four matches"));

        (await service.SingleAsync<(string, Guid)>("SELECT status, superseded_by_message_id FROM message_queue WHERE id = @id",
            new { id = older.GetProperty("messageId").GetGuid() })).ShouldBe(("superseded", newer.GetProperty("messageId").GetGuid()));
        await _client.PostAsync("process-queue", "");
        (await HandedOverAsync(user)).ShouldBe("Four matches");
        (await _client.PostAsync("schedule-message", About("x").Replace(longest, longest + "t", StringComparison.Ordinal))).Status.ShouldBe(HttpStatusCode.BadRequest);
    }
}
