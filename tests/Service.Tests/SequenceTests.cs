using System.Text.Json;
using Dapper;
using NodaTime.Text;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

public sealed class SequenceTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        await _db.AddUsersAsync("ann", "bob");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private static string Text(string content) => $$"""{"content": "{{content}}"}""";

    private static ScheduleRequest Part(int position, int total, string id = "seq_1", string user = "ann") => Some.Request(user) with
    {
        Lane = Lane.High,
        MessageData = Text($"{id}/{position}"),
        Sequence = new SequencePlace(id, position, total),
    };

    private static ScheduleRequest Several(int count, string user = "ann", string name = "m") => Some.Request(user) with
    {
        Lane = Lane.High,
        MessageData = Text($"{name}/1"),
        Following = [.. Enumerable.Range(2, count - 1).Select(i => Text($"{name}/{i}"))],
    };

    private async Task<JsonElement> AnswerAsync(ScheduleRequest request, string? key = null, bool dryRun = false) =>
        JsonDocument.Parse((await _db.ScheduleAsync(request, key, dryRun)).ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;

    private async Task<Guid> ScheduledAsync(ScheduleRequest request) => (await AnswerAsync(request)).GetProperty("messageId").GetGuid();

    private async Task<string> ConflictAsync(ScheduleRequest request)
    {
        var problem = (await _db.ScheduleAsync(request)).ShouldBeOfType<ScheduleOutcome.Refused>().Problem;
        (problem.Status, problem.Code).ShouldBe((422, "sequence_conflict"));
        return problem.Errors!.Keys.ShouldHaveSingleItem();
    }

    private static Instant ScheduledFor(JsonElement answer) => InstantPattern.ExtendedIso.Parse(answer.GetProperty("scheduledFor").GetString()!).Value;

    private static string? Code(JsonElement answer) => answer.TryGetProperty("code", out var code) ? code.GetString() : null;

    /// <summary>What a sender finds, in the order in which it sends.</summary>
    private Task<IReadOnlyList<string>> HandedOverAsync(string user = "ann") =>
        _db.QueryAsync<string>("SELECT content FROM messages WHERE user_id = @user ORDER BY created_at, id", new { user });

    private Task<IReadOnlyList<string>> StatusesAsync(string user = "ann") => _db.QueryAsync<string>(
        "SELECT status FROM message_queue WHERE user_id = @user AND sequence_id IS NOT NULL ORDER BY sequence_position, id", new { user });

    private Task<IReadOnlyList<string>> CodesAsync(Guid id) => _db.QueryAsync<string>(
        "SELECT output_data->>'code' FROM agent_actions_log WHERE context_id = @id ORDER BY created_at", new { id });

    [Fact]
    public async Task Several_messages_of_one_request_are_handed_over_together_in_order_and_count_once()
    {
        var answer = await AnswerAsync(Several(3));

        var ids = answer.GetProperty("messageIds").EnumerateArray().Select(id => id.GetGuid()).ToList();
        ids.Count.ShouldBe(3);
        answer.GetProperty("messageId").GetGuid().ShouldBe(ids[0]);
        (answer.GetProperty("status").GetString(), ScheduledFor(answer), Code(answer)).ShouldBe(("queued", _db.Now, null));
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(3, 0, 0, 0));
        (await HandedOverAsync()).ShouldBe(["m/1", "m/2", "m/3"]);
        (await _db.QueryAsync<Guid>("SELECT id FROM messages ORDER BY created_at")).ShouldBe(ids);
        (await _db.SingleAsync<(int, Instant[])>("SELECT messages_sent, recent_deliveries FROM user_message_budget"))
            .ShouldSatisfyAllConditions(b => b.Item1.ShouldBe(1), b => b.Item2.ShouldBe([_db.Now]));
        foreach (var id in ids)
            (await CodesAsync(id)).ShouldBe(["delivered"]);
        ScheduledFor(await AnswerAsync(Some.Request("ann") with { Lane = Lane.High })).ShouldBe(_db.Now + Duration.FromSeconds(30));
    }

    [Fact]
    public async Task Members_wait_for_one_another_and_go_in_the_order_of_their_positions_not_of_their_arrival()
    {
        var third = await AnswerAsync(Part(3, 3));
        var first = await AnswerAsync(Part(1, 3));
        foreach (var waiting in (JsonElement[])[third, first])
        {
            Code(waiting).ShouldBe("sequence_unfinished");
            ScheduledFor(waiting).ShouldBe(_db.Now + Duration.FromHours(24));
            waiting.TryGetProperty("messageIds", out _).ShouldBeFalse();
        }

        (await _db.DispatchAsync()).Decided.ShouldBe(0);

        _db.Now += Duration.FromMinutes(5);
        var second = await AnswerAsync(Part(2, 3));

        (ScheduledFor(second), Code(second)).ShouldBe((_db.Now, null));
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(3, 0, 0, 0));
        (await HandedOverAsync()).ShouldBe(["seq_1/1", "seq_1/2", "seq_1/3"]);
        (await CodesAsync(third.GetProperty("messageId").GetGuid())).ShouldBe(["sequence_unfinished", "delivered"]);
        (await _db.SingleAsync<int>("SELECT sum(messages_sent)::int FROM user_message_budget")).ShouldBe(1);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(4)]
    public async Task A_batch_never_splits_a_sequence(int batchSize)
    {
        _db.Settings = _db.Settings with { BatchSize = batchSize };
        await AnswerAsync(Several(3, "ann", "a"));
        await AnswerAsync(Several(3, "bob", "b"));

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(6, 0, 0, 0));

        (await HandedOverAsync()).ShouldBe(["a/1", "a/2", "a/3"]);
        (await HandedOverAsync("bob")).ShouldBe(["b/1", "b/2", "b/3"]);
    }

    [Fact]
    public async Task The_rules_hold_it_back_as_a_whole_and_each_message_says_so()
    {
        await _db.QueueAsync("ann");
        var answer = await AnswerAsync(Several(3));
        (ScheduledFor(answer), Code(answer)).ShouldBe((_db.Now + Duration.FromSeconds(30), "cooldown"));
        await _db.DispatchAsync();

        _db.Now = Instant.FromUtc(2025, 10, 16, 3, 0); // 23:00 in New York
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 3, 0, 0));

        var morning = Instant.FromUtc(2025, 10, 16, 12, 0);
        (await _db.QueryAsync<(Instant, string)>("SELECT scheduled_for, reason FROM message_queue WHERE status = 'queued'"))
            .ShouldBe(Enumerable.Repeat((morning, "quiet_hours"), 3));
        foreach (var id in answer.GetProperty("messageIds").EnumerateArray())
            (await CodesAsync(id.GetGuid())).ShouldBe(["cooldown", "quiet_hours"]);
        ScheduledFor(await AnswerAsync(Some.Request("ann") with { Lane = Lane.High })).ShouldBe(morning + Duration.FromSeconds(30));
        _db.Now = morning;
        (await _db.DispatchAsync()).Delivered.ShouldBe(3);
    }

    [Fact]
    public async Task It_counts_once_towards_the_limits()
    {
        await _db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date, messages_sent, daily_limit) VALUES ('ann', '2025-10-15', 0, 2)");
        await AnswerAsync(Several(5));
        await _db.DispatchAsync();
        _db.Now += Duration.FromMinutes(1);

        Code(await AnswerAsync(Several(5, name: "n"))).ShouldBeNull();
        (await _db.DispatchAsync()).Delivered.ShouldBe(5);
        _db.Now += Duration.FromMinutes(1);
        Code(await AnswerAsync(Several(5, name: "o"))).ShouldBe("daily_limit_reached");
    }

    [Fact]
    public async Task It_goes_in_the_best_lane_from_the_latest_time_until_the_earliest_expiry_of_its_messages()
    {
        var later = _db.Now + Duration.FromHours(1);
        await AnswerAsync(Part(1, 3) with { Lane = Lane.Low, ScheduledFor = later });
        await AnswerAsync(Part(2, 3) with { Lane = Lane.High, ExpiresAt = later + Duration.FromHours(1) });

        var last = await AnswerAsync(Part(3, 3) with { Lane = Lane.Medium });

        (ScheduledFor(last), Code(last)).ShouldBe((later, "not_before"));
        (await _db.QueryAsync<(string, Instant)>("SELECT priority, scheduled_for FROM message_queue")).ShouldBe(Enumerable.Repeat(("high", later), 3));
        _db.Now = later - Duration.FromSeconds(1);
        (await _db.DispatchAsync()).Decided.ShouldBe(0);
        _db.Now = later + Duration.FromHours(1);
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 0, 3, 0));
    }

    [Fact]
    public async Task What_stays_incomplete_fails_after_its_time_and_takes_no_more_messages()
    {
        _db.Settings = _db.Settings with { Rules = _db.Settings.Rules with { CompleteWithin = Duration.FromHours(2) } };
        var id = await ScheduledAsync(Part(1, 3));
        _db.Now += Duration.FromHours(1);
        await AnswerAsync(Part(2, 3));
        _db.Now += Duration.FromHours(1) - Duration.FromSeconds(1);
        (await _db.DispatchAsync()).Decided.ShouldBe(0);

        _db.Now += Duration.FromSeconds(1);
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 0, 0, 2));

        (await _db.QueryAsync<(string, string)>("SELECT status, reason FROM message_queue")).ShouldBe(Enumerable.Repeat(("failed", "sequence_incomplete"), 2));
        (await CodesAsync(id)).ShouldBe(["sequence_unfinished", "sequence_incomplete"]);
        (await ConflictAsync(Part(3, 3))).ShouldBe("sequence.id");
        (await HandedOverAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_incomplete_one_that_is_looked_at_early_goes_on_waiting_and_takes_no_slot_from_others()
    {
        await AnswerAsync(Part(1, 2));
        await _db.ExecuteAsync("UPDATE message_queue SET scheduled_for = @Now", new { _db.Now });

        Code(await AnswerAsync(Some.Request("ann") with { Lane = Lane.High })).ShouldBeNull();
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 1, 0, 0));
        (await _db.SingleAsync<Instant>("SELECT scheduled_for FROM message_queue WHERE status = 'queued'")).ShouldBe(_db.Now + Duration.FromHours(24));
    }

    [Fact]
    public async Task A_low_message_does_not_wait_for_a_sequence_that_misses_messages()
    {
        await AnswerAsync(Part(1, 2));

        Code(await AnswerAsync(Some.Request("ann") with { Lane = Lane.Low })).ShouldBeNull();
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
    }

    [Theory]
    [InlineData(1, "cancelled")]
    [InlineData(2, "cancelled")]
    [InlineData(3, "failed")]
    [InlineData(1, "superseded")]
    [InlineData(2, "expired")]
    public async Task When_one_message_is_ended_by_hand_the_next_look_calls_off_the_rest(int position, string status)
    {
        await AnswerAsync(Several(3));
        await _db.ExecuteAsync("UPDATE message_queue SET status = @status WHERE sequence_position = @position", new { status, position });

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 0, 0, 0, Cancelled: 2));

        (await HandedOverAsync()).ShouldBeEmpty();
        (await _db.QueryAsync<(string, string, Instant)>("SELECT status, reason, finished_at FROM message_queue WHERE sequence_position <> @position", new { position }))
            .ShouldBe(Enumerable.Repeat(("cancelled", "sequence_broken", _db.Now), 2));
        (await _db.QueryAsync<(string, string?)>("SELECT action_type, error FROM agent_actions_log")).ShouldBe(Enumerable.Repeat(("message_cancelled", (string?)null), 2));
    }

    [Fact]
    public async Task Who_ends_a_message_can_call_off_the_rest_at_once()
    {
        await AnswerAsync(Several(3, name: "other"));
        await AnswerAsync(Part(1, 2));
        var ended = await ScheduledAsync(Part(2, 2));
        await _db.ExecuteAsync("UPDATE message_queue SET status = 'cancelled' WHERE id = @ended", new { ended });

        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var cancelled = await SequenceCancellation.CancelRestAsync(connection, [ended], _db.Now, TestContext.Current.CancellationToken);

        cancelled.Count.ShouldBe(1);
        (await CodesAsync(cancelled[0])).ShouldBe(["sequence_unfinished", "cooldown", "sequence_broken"]);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE status = 'queued'")).ShouldBe(3);
        (await SequenceCancellation.CancelRestAsync(connection, [ended], _db.Now, TestContext.Current.CancellationToken)).ShouldBeEmpty();
    }

    [Fact]
    public async Task When_a_row_is_deleted_the_rest_waits_for_it_and_fails_in_the_end()
    {
        await AnswerAsync(Several(3));
        await _db.ExecuteAsync("DELETE FROM message_queue WHERE sequence_position = 1");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 2, 0, 0));
        _db.Now += Duration.FromHours(24);
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 0, 0, 2));
    }

    [Fact]
    public async Task Members_that_do_not_fit_are_refused_by_field_and_change_nothing()
    {
        await AnswerAsync(Part(1, 3));

        (await ConflictAsync(Part(1, 3))).ShouldBe("sequence.position");
        (await ConflictAsync(Part(2, 4))).ShouldBe("sequence.total");
        (await _db.ScheduleAsync(Part(1, 3), dryRun: true)).ShouldBeOfType<ScheduleOutcome.Refused>();

        (await StatusesAsync()).ShouldBe(["queued"]);
        await AnswerAsync(Part(2, 3));
        await AnswerAsync(Part(3, 3));
        (await ConflictAsync(Part(2, 3))).ShouldBe("sequence.position");
        await _db.DispatchAsync();
        (await ConflictAsync(Part(2, 3))).ShouldBe("sequence.id");
    }

    [Fact]
    public async Task An_id_means_one_sequence_of_one_user_and_one_agent()
    {
        await AnswerAsync(Part(1, 2));
        await AnswerAsync(Part(2, 3, user: "bob"));
        await AnswerAsync(Part(1, 4) with { AgentId = "bouncer_agent" });

        Code(await AnswerAsync(Part(2, 2))).ShouldBeNull();
        (await _db.DispatchAsync()).Delivered.ShouldBe(2);
        (await StatusesAsync("bob")).ShouldBe(["queued"]);
    }

    [Fact]
    public async Task An_urgent_one_goes_out_inside_the_request_that_completes_it()
    {
        (await AnswerAsync(Several(3) with { Lane = Lane.Urgent })).GetProperty("status").GetString().ShouldBe("sent");
        (await HandedOverAsync()).ShouldBe(["m/1", "m/2", "m/3"]);

        (await AnswerAsync(Part(1, 2, user: "bob") with { Lane = Lane.Urgent })).GetProperty("status").GetString().ShouldBe("queued");
        (await HandedOverAsync("bob")).ShouldBeEmpty();
        (await AnswerAsync(Part(2, 2, user: "bob") with { Lane = Lane.Low })).GetProperty("status").GetString().ShouldBe("sent");
        (await HandedOverAsync("bob")).ShouldBe(["seq_1/1", "seq_1/2"]);
    }

    [Fact]
    public async Task A_dry_run_answers_the_same_and_stores_nothing()
    {
        var dry = await AnswerAsync(Several(3), dryRun: true);
        (dry.GetProperty("messageId").ValueKind, dry.TryGetProperty("messageIds", out _)).ShouldBe((JsonValueKind.Null, false));
        ScheduledFor(dry).ShouldBe(_db.Now);
        Code(await AnswerAsync(Part(1, 2), dryRun: true)).ShouldBe("sequence_unfinished");
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue")).ShouldBe(0);

        await AnswerAsync(Part(1, 2));
        Code(await AnswerAsync(Part(2, 2), dryRun: true)).ShouldBeNull();
        (await StatusesAsync()).ShouldBe(["queued"]);
        (await _db.SingleAsync<string>("SELECT reason FROM message_queue")).ShouldBe("sequence_unfinished");
    }

    [Fact]
    public async Task One_key_covers_all_messages_of_a_request_and_one_member_of_several()
    {
        var first = await AnswerAsync(Several(3), key: "k");
        (await AnswerAsync(Several(3), key: "k")).GetRawText().ShouldBe(first.GetRawText());
        (await _db.ScheduleAsync(Several(2), key: "k")).ShouldBeOfType<ScheduleOutcome.Refused>().Problem.Code.ShouldBe("idempotency_key_reused");

        var member = await AnswerAsync(Part(1, 2), key: "p1");
        await AnswerAsync(Part(2, 2), key: "p2");
        await _db.DispatchAsync();
        (await AnswerAsync(Part(1, 2), key: "p1")).GetRawText().ShouldBe(member.GetRawText());

        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue")).ShouldBe(5);
    }

    [Fact]
    public async Task For_someone_who_cannot_be_reached_all_of_it_fails()
    {
        await AnswerAsync(Several(3));
        await _db.ExecuteAsync("UPDATE users SET opted_out = true");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 0, 0, 3));

        (await _db.QueryAsync<string>("SELECT reason FROM message_queue")).ShouldBe(Enumerable.Repeat("opted_out", 3));
    }

    [Fact]
    public async Task When_the_user_is_gone_all_of_it_fails_in_one_pass()
    {
        await AnswerAsync(Several(3));
        await _db.ExecuteAsync("DELETE FROM users WHERE id = 'ann'");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 0, 0, 3));
    }

    [Fact]
    public async Task One_message_that_the_database_refuses_fails_its_sequence_and_nothing_else()
    {
        await AnswerAsync(Several(3) with { Following = [Text("poison"), Text("m/3")] });
        await AnswerAsync(Several(3, "bob", "b"));
        await _db.ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.content = 'poison') EXECUTE FUNCTION refuse();
            """);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(3, 0, 0, 3));

        (await HandedOverAsync()).ShouldBeEmpty();
        (await HandedOverAsync("bob")).ShouldBe(["b/1", "b/2", "b/3"]);
        (await _db.QueryAsync<string>("SELECT reason FROM message_queue WHERE user_id = 'ann'")).ShouldBe(Enumerable.Repeat("rejected", 3));
    }

    [Fact]
    public async Task Rows_that_another_program_has_written_as_a_sequence_go_together_too()
    {
        const string Row =
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, sequence_id, sequence_position, sequence_total)
            VALUES ('ann', 'agent', jsonb_build_object('content', @content), @at, @lane, @sequence, @position, @total)
            """;
        var sequence = Guid.NewGuid();
        await _db.ExecuteAsync(Row, new { content = "two", at = _db.Now, lane = "low", sequence, position = (int?)2, total = (int?)3 });
        await _db.ExecuteAsync(Row, new { content = "one", at = _db.Now + Duration.FromMinutes(1), lane = "high", sequence, position = (int?)1, total = (int?)3 });
        (await _db.DispatchAsync()).Delivered.ShouldBe(0);
        await _db.ExecuteAsync(Row, new { content = "three", at = _db.Now, lane = "medium", sequence, position = (int?)3, total = (int?)3 });
        await _db.ExecuteAsync(Row, new { content = "alone", at = _db.Now + Duration.FromHours(3), lane = "high", sequence = Guid.NewGuid(), position = (int?)null, total = (int?)null });

        // Nobody has told the dispatcher that the last one is there.
        await _db.ExecuteAsync("UPDATE message_queue SET scheduled_for = @at WHERE reason IS NOT NULL", new { at = _db.Now });
        (await _db.DispatchAsync()).Delivered.ShouldBe(0);
        _db.Now += Duration.FromMinutes(1);
        (await _db.DispatchAsync()).Delivered.ShouldBe(3);
        _db.Now += Duration.FromHours(3);
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);

        (await HandedOverAsync()).ShouldBe(["one", "two", "three", "alone"]);
    }

    [Fact]
    public async Task On_an_adopted_database_sequences_go_out_and_what_the_replaced_service_has_begun_is_finished()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        await adopted.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, sequence_id, sequence_position, sequence_total, created_at)
            VALUES (@Bob::uuid, 'bouncer_agent', '{"content": "Two of two"}', '2025-10-15 15:00Z', 'urgent', '5e000000-0000-4000-8000-000000000001', 2, 2, '2025-10-01 14:00Z')
            """,
            new { AdoptedDatabase.Bob });
        await new Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        await adopted.ExecuteAsync("DELETE FROM user_message_budget");
        foreach (var position in (int[])[2, 1])
            (await adopted.ScheduleAsync(Part(position, 2, user: AdoptedDatabase.Dan))).ShouldBeOfType<ScheduleOutcome.Answered>();
        (await adopted.ScheduleAsync(Several(2, AdoptedDatabase.Eve))).ShouldBeOfType<ScheduleOutcome.Answered>();

        await adopted.DispatchAsync();

        (await adopted.QueryAsync<string>(
            "SELECT content FROM messages WHERE user_id = ANY (@users::uuid[]) AND direction = 'outbound' AND created_at > '2025-10-15' ORDER BY user_id, created_at",
            new { users = (string[])[AdoptedDatabase.Bob, AdoptedDatabase.Dan, AdoptedDatabase.Eve] }))
            .ShouldBe(["Two of two", "seq_1/1", "seq_1/2", "m/1", "m/2"], ignoreOrder: true);
    }

    [Fact]
    public async Task Members_that_all_arrive_at_the_same_moment_make_one_complete_sequence()
    {
        for (var round = 0; round < 15; round++)
        {
            var user = $"user_{round}";
            await _db.AddUsersAsync(user);

            var answers = await Task.WhenAll(Enumerable.Range(1, 8).Select(position => AnswerAsync(Part(position, 8, $"seq_{round}", user))));

            answers.Count(a => Code(a) is null).ShouldBe(1);
            (await _db.SingleAsync<int>("SELECT count(DISTINCT sequence_id)::int FROM message_queue WHERE user_id = @user", new { user })).ShouldBe(1);
            (await _db.DispatchAsync()).ShouldBe(new DispatchResult(8, 0, 0, 0));
            (await HandedOverAsync(user)).ShouldBe(Enumerable.Range(1, 8).Select(position => $"seq_{round}/{position}"));
        }
    }

    [Fact]
    public async Task Of_one_position_sent_twice_at_the_same_moment_one_is_taken()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _db.ScheduleAsync(Part(1, 2))));

        outcomes.OfType<ScheduleOutcome.Answered>().ShouldHaveSingleItem();
        (await StatusesAsync()).ShouldBe(["queued"]);
    }

    [Fact]
    public async Task Dispatchers_that_race_with_the_last_member_hand_over_all_or_nothing()
    {
        var users = Enumerable.Range(0, 40).Select(i => $"user_{i}").ToList();
        await _db.AddUsersAsync(users);
        foreach (var user in users)
        {
            await AnswerAsync(Part(1, 3, user: user));
            await AnswerAsync(Part(2, 3, user: user));
        }

        // As when their time has come: every dispatcher comes to them while the last member arrives.
        await _db.ExecuteAsync("UPDATE message_queue SET scheduled_for = @Now", new { _db.Now });
        await Task.WhenAll(
            Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _db.DispatchAsync())),
            Task.WhenAll(users.Select(user => AnswerAsync(Part(3, 3, user: user)))));

        var handedOver = await _db.QueryAsync<int>("SELECT count(*)::int FROM messages GROUP BY user_id");
        handedOver.ShouldAllBe(count => count == 3);
        await _db.DispatchAsync();
        (await _db.SingleAsync<(int, int)>("SELECT count(*)::int, sum(messages_sent)::int FROM (SELECT user_id FROM messages GROUP BY user_id) AS users JOIN user_message_budget USING (user_id)"))
            .ShouldBe((40, 40));
        foreach (var user in users)
            (await HandedOverAsync(user)).ShouldBe(["seq_1/1", "seq_1/2", "seq_1/3"]);
    }

    [Fact]
    public async Task At_the_end_of_its_time_a_sequence_is_completed_or_fails_as_a_whole()
    {
        var users = Enumerable.Range(0, 30).Select(i => $"user_{i}").ToList();
        await _db.AddUsersAsync(users);
        foreach (var user in users)
            await AnswerAsync(Part(1, 2, user: user));
        _db.Now += Duration.FromHours(24);

        var outcomes = Task.WhenAll(users.Select(user => _db.ScheduleAsync(Part(2, 2, user: user))));
        await Task.WhenAll(outcomes, Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _db.DispatchAsync())));
        await _db.DispatchAsync();

        foreach (var (user, outcome) in users.Zip(await outcomes))
            (await StatusesAsync(user)).ShouldBe(outcome is ScheduleOutcome.Answered ? ["sent", "sent"] : ["failed"]);
    }

    [Fact]
    public async Task A_message_cancelled_while_dispatchers_run_stops_all_of_its_sequence_or_none()
    {
        var users = Enumerable.Range(0, 40).Select(i => $"user_{i}").ToList();
        await _db.AddUsersAsync(users);
        foreach (var user in users)
            await AnswerAsync(Several(3, user));

        await Task.WhenAll(
            Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _db.DispatchAsync())),
            Task.WhenAll(users.Select((user, i) => _db.ExecuteAsync(
                "UPDATE message_queue SET status = 'cancelled' WHERE user_id = @user AND sequence_position = @position AND status = 'queued'",
                new { user, position = 1 + (i % 3) }))));
        await _db.DispatchAsync();

        foreach (var user in users)
        {
            var statuses = (await StatusesAsync(user)).Distinct().ShouldHaveSingleItem();
            (await HandedOverAsync(user)).Count.ShouldBe(statuses == "sent" ? 3 : 0);
        }
    }

    [Fact]
    public async Task Hundreds_of_sequences_are_each_handed_over_whole_and_once_by_many_dispatchers()
    {
        _db.Settings = _db.Settings with { BatchSize = 17 };
        await _db.ExecuteAsync(
            """
            INSERT INTO users (id, phone_number, timezone) SELECT 'user_' || i, '+15555550100', 'America/New_York' FROM generate_series(1, 300) AS i;
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, can_delay, sequence_id, sequence_position, sequence_total)
            SELECT 'user_' || i, 'agent', jsonb_build_object('content', position::text), @Now, (ARRAY['urgent', 'high', 'medium'])[1 + i % 3], false, md5(i::text)::uuid, position, 4
            FROM generate_series(1, 300) AS i CROSS JOIN generate_series(1, 4) AS position
            """,
            new { _db.Now });

        await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => _db.DispatchAsync()));
        await _db.DispatchAsync();

        (await _db.SingleAsync<(int, int)>("SELECT count(*)::int, count(DISTINCT id)::int FROM messages")).ShouldBe((1200, 1200));
        (await _db.QueryAsync<string>("SELECT DISTINCT string_agg(content, ' ' ORDER BY created_at) FROM messages GROUP BY user_id")).ShouldBe(["1 2 3 4"]);
        (await _db.SingleAsync<int>("SELECT sum(messages_sent)::int FROM user_message_budget")).ShouldBe(300);
    }

    [Fact]
    public async Task A_row_that_somebody_holds_keeps_its_sequence_and_nothing_else_back()
    {
        await AnswerAsync(Several(3));
        await AnswerAsync(Several(3, "bob", "b"));
        await using (var holder = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken))
        await using (await holder.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await holder.ExecuteAsync("SELECT FROM message_queue WHERE user_id = 'ann' AND sequence_position = 3 FOR UPDATE");
            (await _db.DispatchAsync()).ShouldBe(new DispatchResult(3, 0, 0, 0));
        }

        (await HandedOverAsync("bob")).Count.ShouldBe(3);
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(3, 0, 0, 0));
        (await HandedOverAsync()).ShouldBe(["m/1", "m/2", "m/3"]);
    }
}
