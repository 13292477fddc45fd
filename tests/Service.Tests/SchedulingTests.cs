using System.Text.Json;
using NodaTime.Text;
using Orchestrator.Core;
using Orchestrator.Service.Http;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests;

public sealed class SchedulingTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private async Task<JsonElement> AnswerAsync(ScheduleRequest request, string? key = null, bool dryRun = false) =>
        JsonDocument.Parse((await _db.ScheduleAsync(request, key, dryRun)).ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;

    private async Task<Problem> RefusalAsync(ScheduleRequest request, string? key = null) =>
        (await _db.ScheduleAsync(request, key)).ShouldBeOfType<ScheduleOutcome.Refused>().Problem;

    private static Instant ScheduledFor(JsonElement answer) => InstantPattern.ExtendedIso.Parse(answer.GetProperty("scheduledFor").GetString()!).Value;

    [Fact]
    public async Task Defaults_are_medium_and_deliverable_at_once()
    {
        await _db.AddUsersAsync("ann");

        var answer = await AnswerAsync(Some.Request("ann"));

        ScheduledFor(answer).ShouldBe(_db.Now);
        answer.TryGetProperty("reason", out _).ShouldBeFalse();
        (await _db.SingleAsync<(string, string, bool, bool, Instant)>(
            "SELECT status, priority, can_delay, requires_fresh_context, scheduled_for FROM message_queue"))
            .ShouldBe(("queued", "medium", true, false, _db.Now));
    }

    [Fact]
    public async Task The_users_newest_active_conversation_is_used_when_none_is_given()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync(
            """
            INSERT INTO conversations (id, user_id, phone_number, status, created_at) VALUES
              ('older', 'ann', '+15555550100', 'active', '2025-01-01Z'), ('newer', 'ann', '+15555550100', 'active', '2025-02-01Z'),
              ('closed', 'ann', '+15555550100', 'completed', '2025-03-01Z')
            """);

        await AnswerAsync(Some.Request("ann"));

        (await _db.SingleAsync<string>("SELECT conversation_context_id FROM message_queue")).ShouldBe("newer");
    }

    [Fact]
    public async Task Several_messages_of_one_user_are_promised_successive_slots_and_keep_them()
    {
        await _db.AddUsersAsync("ann");
        var promised = new List<(Guid Id, Instant At)>();
        for (var i = 0; i < 5; i++)
        {
            var answer = await AnswerAsync(Some.Request("ann") with { Lane = Lane.High });
            promised.Add((answer.GetProperty("messageId").GetGuid(), ScheduledFor(answer)));
        }

        promised.Select(p => p.At).ShouldBe(Enumerable.Range(0, 5).Select(i => _db.Now + Duration.FromSeconds(30 * i)));

        for (var i = 0; i < 5; i++)
        {
            (await _db.DispatchAsync()).ShouldBe(new Dispatch.DispatchResult(1, 0, 0, 0));
            _db.Now += Duration.FromSeconds(30);
        }

        foreach (var (id, at) in promised)
            (await _db.SingleAsync<Instant>("SELECT created_at FROM messages WHERE id = @id", new { id })).ShouldBe(at);
    }

    [Fact]
    public async Task A_better_lane_takes_the_slot_and_the_message_that_had_it_moves_on()
    {
        await _db.AddUsersAsync("ann");
        await AnswerAsync(Some.Request("ann") with { Lane = Lane.High });
        await AnswerAsync(Some.Request("ann") with { Lane = Lane.Medium });

        var urgent = await AnswerAsync(Some.Request("ann") with { Lane = Lane.Urgent });

        urgent.GetProperty("status").GetString().ShouldBe("sent");
        _db.Now += Duration.FromSeconds(30);
        (await _db.DispatchAsync()).ShouldBe(new Dispatch.DispatchResult(1, 1, 0, 0));
        (await _db.SingleAsync<string>("SELECT priority FROM message_queue WHERE status = 'queued'")).ShouldBe("medium");
    }

    [Fact]
    public async Task At_night_the_answer_names_the_end_of_quiet_hours_and_the_trail_has_it()
    {
        await _db.AddUsersAsync("ann");
        _db.Now = Instant.FromUtc(2025, 10, 15, 4, 0);

        var answer = await AnswerAsync(Some.Request("ann") with { Lane = Lane.Urgent });

        answer.GetProperty("status").GetString().ShouldBe("queued");
        answer.GetProperty("code").GetString().ShouldBe("quiet_hours");
        ScheduledFor(answer).ShouldBe(Instant.FromUtc(2025, 10, 15, 12, 0));
        (await _db.SingleAsync<string>("SELECT output_data->>'code' FROM agent_actions_log WHERE context_id = @id",
            new { id = answer.GetProperty("messageId").GetGuid() })).ShouldBe("quiet_hours");
    }

    [Theory]
    [InlineData("""{"best_hours": [18]}""", 22)]
    [InlineData("""{"best_hours": [18, 14]}""", 18)]
    [InlineData("""{"best_hours": [23]}""", 16)]
    [InlineData("""{"best_hours": "noon"}""", 16)]
    [InlineData("""{"best_hours": [99, "x", 12]}""", 16)]
    public async Task Medium_messages_wait_for_the_users_best_hour_unless_it_is_quiet_then_or_makes_no_sense(string pattern, int utcHour)
    {
        await _db.AddUsersAsync("ann"); // noon in New York is 16:00 UTC
        await _db.ExecuteAsync("UPDATE users SET response_pattern = @pattern::jsonb", new { pattern });

        ScheduledFor(await AnswerAsync(Some.Request("ann"))).ShouldBe(Instant.FromUtc(2025, 10, 15, utcHour, 0));
        ScheduledFor(await AnswerAsync(Some.Request("ann") with { Lane = Lane.High }, dryRun: true)).ShouldBe(_db.Now);
    }

    [Fact]
    public async Task Hours_are_learned_from_when_the_user_has_written_once_that_means_something()
    {
        await _db.AddUsersAsync("ann");
        const string Inbound =
            """
            INSERT INTO messages (conversation_id, user_id, role, content, direction, created_at)
            SELECT 'c', 'ann', 'user', 'hi', 'inbound', timestamptz '2025-10-01 19:30Z' - i * interval '1 day' FROM generate_series(@from, @to) AS i
            """;
        await _db.ExecuteAsync(Inbound, new { from = 1, to = 19 });
        ScheduledFor(await AnswerAsync(Some.Request("ann"), dryRun: true)).ShouldBe(_db.Now);

        await _db.ExecuteAsync(Inbound, new { from = 20, to = 20 });

        var answer = await AnswerAsync(Some.Request("ann"), dryRun: true);
        ScheduledFor(answer).ShouldBe(Instant.FromUtc(2025, 10, 15, 19, 0)); // 15:00 in New York
        answer.GetProperty("code").GetString().ShouldBe("best_time");
    }

    [Fact]
    public async Task ScheduledFor_is_never_undercut_and_an_expiry_before_the_next_slot_is_told_and_kept()
    {
        await _db.AddUsersAsync("ann");
        var later = _db.Now + Duration.FromHours(2);
        (await AnswerAsync(Some.Request("ann") with { ScheduledFor = later, Lane = Lane.Urgent })).GetProperty("code").GetString().ShouldBe("not_before");

        _db.Now = later - Duration.FromSeconds(1);
        (await _db.DispatchAsync()).Decided.ShouldBe(0);
        _db.Now = later;
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);

        var tooShort = await AnswerAsync(Some.Request("ann") with { ExpiresAt = later + Duration.FromSeconds(10) });
        ScheduledFor(tooShort).ShouldBe(later + Duration.FromSeconds(10));
        _db.Now += Duration.FromSeconds(10);
        (await _db.DispatchAsync()).Expired.ShouldBe(1);
    }

    [Fact]
    public async Task A_key_is_free_again_a_day_after_its_message_has_left_the_queue_and_not_before()
    {
        await _db.AddUsersAsync("ann");
        var first = await AnswerAsync(Some.Request("ann") with { Lane = Lane.High }, key: "k");
        _db.Now += Duration.FromHours(2);
        await _db.DispatchAsync();

        _db.Now += Duration.FromHours(24) - Duration.FromSeconds(1);
        (await AnswerAsync(Some.Request("ann") with { Lane = Lane.High }, key: "k")).GetRawText().ShouldBe(first.GetRawText());
        (await RefusalAsync(Some.Request("ann"), key: "k")).Code.ShouldBe("idempotency_key_reused");

        _db.Now += Duration.FromSeconds(1);
        var second = await AnswerAsync(Some.Request("ann"), key: "k");
        second.GetProperty("messageId").GetGuid().ShouldNotBe(first.GetProperty("messageId").GetGuid());
    }

    [Fact]
    public async Task While_the_first_request_with_a_key_is_running_the_second_is_told_to_wait_and_where_it_has_died_gets_the_answer_kept()
    {
        await _db.AddUsersAsync("ann");
        var request = Some.Request("ann") with { Lane = Lane.Urgent };
        var first = await AnswerAsync(request, key: "k");
        // As it stands while the dispatch runs, or when the process has died in it.
        await _db.ExecuteAsync("UPDATE idempotency_keys SET running_until = @until", new { until = _db.Now + Duration.FromSeconds(30) });

        (await RefusalAsync(request, key: "k")).ShouldBe(Problem.IdempotencyKeyRunning());
        (await RefusalAsync(request with { AgentId = "other" }, key: "k")).Code.ShouldBe("idempotency_key_reused");

        _db.Now += Duration.FromSeconds(30);
        var replayed = (await _db.ScheduleAsync(request, "k")).ShouldBeOfType<ScheduleOutcome.Answered>();
        replayed.Replayed.ShouldBeTrue();
        JsonDocument.Parse(replayed.Json).RootElement.GetProperty("messageId").GetGuid().ShouldBe(first.GetProperty("messageId").GetGuid());
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue")).ShouldBe(1);
    }

    [Fact]
    public async Task A_key_whose_message_somebody_has_deleted_is_free()
    {
        await _db.AddUsersAsync("ann");
        var first = await AnswerAsync(Some.Request("ann"), key: "k");
        await _db.ExecuteAsync("DELETE FROM message_queue");

        (await AnswerAsync(Some.Request("ann"), key: "k")).GetProperty("messageId").GetGuid()
            .ShouldNotBe(first.GetProperty("messageId").GetGuid());
    }

    [Fact]
    public async Task An_urgent_message_that_is_stored_is_answered_with_200_whatever_befalls_its_dispatch()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '42501'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW EXECUTE FUNCTION refuse();
            """);

        var answer = await AnswerAsync(Some.Request("ann") with { Lane = Lane.Urgent });

        answer.GetProperty("status").GetString().ShouldBe("queued");
        (await _db.SingleAsync<string>("SELECT status FROM message_queue")).ShouldBe("queued");
    }

    [Fact]
    public async Task An_urgent_message_behind_an_overdue_one_sends_that_one_and_waits_for_the_next_slot()
    {
        await _db.AddUsersAsync("ann");
        var overdue = await _db.QueueAsync("ann", Lane.Urgent, scheduledFor: _db.Now - Duration.FromSeconds(5));

        var answer = await AnswerAsync(Some.Request("ann") with { Lane = Lane.Urgent });

        (await _db.StatusOfAsync(overdue)).ShouldBe("sent");
        answer.GetProperty("status").GetString().ShouldBe("queued");
        ScheduledFor(answer).ShouldBe(_db.Now + Duration.FromSeconds(30));
    }

    [Fact]
    public async Task An_urgent_message_for_someone_who_cannot_be_reached_is_answered_with_the_truth()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("UPDATE users SET opted_out = true");

        var foretold = JsonDocument.Parse(
            (await _db.ScheduleAsync(Some.Request("ann") with { Lane = Lane.Urgent }, dryRun: true)).ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;
        var answer = await AnswerAsync(Some.Request("ann") with { Lane = Lane.Urgent });

        foreach (var told in new[] { foretold, answer })
        {
            told.GetProperty("status").GetString().ShouldBe("failed");
            told.GetProperty("code").GetString().ShouldBe("opted_out");
        }
    }

    [Theory]
    [InlineData(SmsDelivery.Twilio, 1600, true)]
    [InlineData(SmsDelivery.Twilio, 1601, false)]
    [InlineData(SmsDelivery.Log, 1601, true)]
    public async Task Content_that_is_longer_than_an_SMS_is_refused_while_it_can_still_be_shortened(SmsDelivery delivery, int length, bool isTaken)
    {
        _db.Settings = _db.Settings with { Sms = _db.Settings.Sms with { Delivery = delivery } };
        await _db.AddUsersAsync("ann");
        var text = $$"""{"content": "{{new string('x', length)}}", "note": "of any length"}""";

        ScheduleOutcome[] outcomes =
        [
            await _db.ScheduleAsync(Some.Request("ann") with { MessageData = text }),
            await _db.ScheduleAsync(Some.Request("ann") with { Following = [text] }),
            .. await _db.ScheduleManyAsync([new BatchItem(Some.Request("ann") with { MessageData = text })]),
        ];

        outcomes.Select(outcome => outcome is ScheduleOutcome.Answered).ShouldAllBe(taken => taken == isTaken);
        outcomes.OfType<ScheduleOutcome.Refused>().ShouldAllBe(refused => refused.Problem.Code == "invalid_request" && refused.Problem.Errors!.ContainsKey("messageData"));
    }

    [Fact]
    public async Task Ten_thousand_waiting_messages_of_a_user_do_not_slow_the_next_one_down_to_a_halt()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("UPDATE users SET quiet_hours_start = '00:00', quiet_hours_end = '00:00'");
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, can_delay, created_at)
            SELECT 'ann', 'agent', '{"content": "x"}', @now + i * interval '30 seconds', 'high', false, @now FROM generate_series(0, 9999) AS i
            """,
            new { now = _db.Now });

        var answer = await AnswerAsync(Some.Request("ann") with { Lane = Lane.High });

        answer.GetProperty("code").GetString().ShouldBe("cooldown");
        ScheduledFor(answer).ShouldBe(_db.Now + Duration.FromSeconds(30 * 10_000));
    }
}
