using System.Text.Json;
using NodaTime.Text;
using Orchestrator.Core;
using Orchestrator.Service.Http;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

/// <summary>Many messages in one request: each as if it came alone, after those before it.</summary>
public sealed class BatchSchedulingTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private static BatchItem Item(string userId, string? key = null, Func<ScheduleRequest, ScheduleRequest>? with = null) =>
        new(with is null ? Some.Request(userId) : with(Some.Request(userId)), key);

    private static JsonElement Answer(ScheduleOutcome outcome) =>
        JsonDocument.Parse(outcome.ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;

    private static Guid Id(ScheduleOutcome outcome) => Answer(outcome).GetProperty("messageId").GetGuid();

    private static Instant At(ScheduleOutcome outcome) => InstantPattern.ExtendedIso.Parse(Answer(outcome).GetProperty("scheduledFor").GetString()!).Value;

    private static string? Code(ScheduleOutcome outcome) => outcome switch
    {
        ScheduleOutcome.Refused refused => refused.Problem.Code,
        _ => Answer(outcome).TryGetProperty("code", out var code) ? code.GetString() : null,
    };

    private Task<int> StoredAsync() => _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue");

    [Fact]
    public async Task A_thousand_messages_are_stored_and_answered_in_their_order()
    {
        await _db.AddUsersAsync(Enumerable.Range(0, 100).Select(i => $"user_{i}"));

        var outcomes = await _db.ScheduleManyAsync([.. Enumerable.Range(0, 1000).Select(i => Item($"user_{i % 100}", with: r => r with
        {
            Lane = (Lane)(1 + (i % 3)),
            MessageData = $$"""{"content": "number {{i}}"}""",
        }))]);

        var contents = (await _db.QueryAsync<(Guid Id, string Content)>("SELECT id, message_data ->> 'content' FROM message_queue")).ToDictionary(r => r.Id, r => r.Content);
        contents.Count.ShouldBe(1000);
        outcomes.Select(o => contents[Id(o)]).ShouldBe(Enumerable.Range(0, 1000).Select(i => $"number {i}"));
        outcomes.Select(Id).ShouldBeInOrder();
    }

    [Fact]
    public async Task What_a_batch_stores_and_answers_is_what_the_same_requests_one_after_another_would()
    {
        await _db.AddUsersAsync("ann", "bob");
        var later = _db.Now + Duration.FromHours(3);
        List<Func<ScheduleRequest, ScheduleRequest>> shapes =
        [
            r => r with { Lane = Lane.Low },
            r => r with { Lane = Lane.Medium },
            r => r with { Lane = Lane.High },
            r => r with { Lane = Lane.Low },
            r => r with { Lane = Lane.High, ScheduledFor = later },
            r => r with { Lane = Lane.Medium, ExpiresAt = _db.Now + Duration.FromSeconds(40), RequiresFreshContext = true },
            r => r with { Lane = Lane.High, CanDelay = false },
            r => r with { Lane = Lane.Low, CanDelay = false },
        ];
        await _db.ExecuteAsync(
            """
            UPDATE users SET response_pattern = '{"best_hours": [14]}';
            INSERT INTO user_message_budget (user_id, date, hourly_limit, daily_limit) SELECT id, '2025-10-15', 3, 6 FROM users;
            """);
        foreach (var user in (string[])["ann", "bob"])
            await _db.QueueAsync(user, Lane.High, scheduledFor: _db.Now + Duration.FromSeconds(10));
        const string Rows =
            """
            SELECT row_to_json(m)::text FROM (
              SELECT agent_id, message_data, scheduled_for, priority, status, conversation_context_id, requires_fresh_context, can_delay, not_before,
                expires_at, best_at, reason, q.created_at, topic, sequence_id, l.output_data
              FROM message_queue q LEFT JOIN agent_actions_log l ON l.context_id = q.id WHERE q.user_id = @user ORDER BY q.id) AS m
            """;

        var many = await _db.ScheduleManyAsync([.. shapes.Select(shape => Item("ann", with: shape))]);
        var single = new List<ScheduleOutcome>();
        foreach (var shape in shapes)
            single.Add(await _db.ScheduleAsync(shape(Some.Request("bob"))));

        many.Select(o => (Answer(o).GetProperty("status").GetString(), At(o), Code(o))).ShouldBe(
            single.Select(o => (Answer(o).GetProperty("status").GetString(), At(o), Code(o))));
        (await _db.QueryAsync<string>(Rows, new { user = "ann" })).ShouldBe(await _db.QueryAsync<string>(Rows, new { user = "bob" }), ignoreOrder: true);
    }

    [Fact]
    public async Task One_bad_message_spoils_none_of_the_others()
    {
        await _db.AddUsersAsync("ann", "bob");
        BatchItem[] items =
        [
            Item("ann"),
            new BatchItem(Request: null, Fault: Problem.InvalidRequest("agentId", "is required")),
            Item("nobody"),
            Item("ann", with: r => r with { ConversationId = "nothing" }),
            Item("ann", with: r => r with { ExpiresAt = _db.Now }),
            Item("ann", with: r => r with { HasContent = false, MessageData = """{"type": "reminder"}""" }),
            Item("bob"),
        ];

        var outcomes = await _db.ScheduleManyAsync(items);

        outcomes.Select(Code).ShouldBe(
            [null, "invalid_request", "user_not_found", "conversation_not_found", "invalid_request", "model_not_configured", null]);
        (await StoredAsync()).ShouldBe(2);
    }

    [Fact]
    public async Task A_value_that_the_database_refuses_is_found_by_halving_and_takes_nothing_down_nor_a_key_with_it()
    {
        await _db.AddUsersAsync(Enumerable.Range(0, 100).Select(i => $"user_{i}"));
        int[] poisonous = [0, 41, 42, 99];

        var outcomes = await _db.ScheduleManyAsync([.. Enumerable.Range(0, 100).Select(i => Item($"user_{i}", key: $"key {i}", with: r =>
            poisonous.Contains(i) ? r with { MessageData = """{"content": "x", "n": 1e999999}""" } : r))]);

        outcomes.Index().Where(o => o.Item is ScheduleOutcome.Refused).Select(o => o.Index).ShouldBe(poisonous);
        poisonous.ShouldAllBe(i => Code(outcomes[i]) == "invalid_request");
        (await StoredAsync()).ShouldBe(96);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM idempotency_keys")).ShouldBe(96);
    }

    [Fact]
    public async Task A_user_whose_row_makes_no_sense_spoils_nothing_for_the_others()
    {
        await _db.AddUsersAsync("ann", "bob", "cyd");
        await _db.ExecuteAsync(
            """
            ALTER TABLE users ALTER COLUMN quiet_hours_start TYPE text USING quiet_hours_start::text;
            UPDATE users SET quiet_hours_start = 'dusk' WHERE id = 'bob';
            """);

        var outcomes = await _db.ScheduleManyAsync([Item("ann"), Item("bob"), Item("cyd")]);

        outcomes.Select(Code).ShouldBe([null, "internal_error", null]);
        (await StoredAsync()).ShouldBe(2);
    }

    [Fact]
    public async Task Urgent_messages_topics_and_sequences_go_the_way_of_single_ones_in_their_order()
    {
        await _db.AddUsersAsync("ann", "bob");

        var outcomes = await _db.ScheduleManyAsync(
        [
            Item("ann"),
            Item("bob", with: r => r with { Topic = "t", MessageData = """{"content": "old"}""" }),
            Item("ann", with: r => r with { Lane = Lane.Urgent }),
            Item("bob", with: r => r with { Topic = "t", MessageData = """{"content": "new"}""" }),
            Item("bob", with: r => r with { Sequence = new SequencePlace("s", 1, 2) }),
            Item("bob", with: r => r with { Sequence = new SequencePlace("s", 1, 2) }),
            Item("bob", with: r => r with { Sequence = new SequencePlace("s", 2, 2) }),
            Item("ann", with: r => r with { Following = ["""{"content": "and more"}"""] }),
        ]);

        outcomes.Select(Code).ShouldBe([null, null, null, null, "sequence_unfinished", "sequence_conflict", "cooldown", "cooldown"]);
        Answer(outcomes[2]).GetProperty("status").GetString().ShouldBe("sent");
        (await _db.StatusOfAsync(Id(outcomes[1]))).ShouldBe("superseded");
        (await _db.SingleAsync<Guid>("SELECT superseded_by_message_id FROM message_queue WHERE status = 'superseded'")).ShouldBe(Id(outcomes[3]));
        Answer(outcomes[7]).GetProperty("messageIds").GetArrayLength().ShouldBe(2);
    }

    [Fact]
    public async Task The_second_message_with_a_key_is_a_replay_of_the_first_or_in_conflict_with_it()
    {
        await _db.AddUsersAsync("ann", "bob");

        var outcomes = await _db.ScheduleManyAsync(
        [
            Item("ann", "k"), Item("ann", "k"), Item("bob", "k"), Item("nobody", "n"), Item("ann", "n"),
            Item("bob", "u", r => r with { Lane = Lane.Urgent }), Item("bob", "u", r => r with { Lane = Lane.Urgent }),
        ]);

        outcomes.Select(Code).ShouldBe([null, null, "idempotency_key_reused", "user_not_found", "cooldown", null, null]);
        foreach (var (first, second) in (ReadOnlySpan<(int, int)>)[(0, 1), (5, 6)])
            outcomes[second].ShouldBe(((ScheduleOutcome.Answered)outcomes[first]) with { Replayed = true });
        (await StoredAsync()).ShouldBe(3);
    }

    [Fact]
    public async Task A_batch_that_comes_again_is_answered_as_the_first_time_also_by_the_way_of_a_single_message()
    {
        // A crash after the commit and before the answer looks the same from here: all that is left is what was committed.
        await _db.AddUsersAsync("ann", "bob");
        BatchItem[] items = [Item("ann", "a"), Item("bob", "b", r => r with { Lane = Lane.Urgent }), Item("ann", "c"), Item("nobody", "d")];
        var first = await _db.ScheduleManyAsync(items);
        _db.Now += Duration.FromHours(1);
        await _db.DispatchAsync();

        var again = await _db.ScheduleManyAsync(items);

        again.Take(3).ShouldBe(first.Take(3).Cast<ScheduleOutcome.Answered>().Select(a => a with { Replayed = true }));
        again[3].ShouldBeOfType<ScheduleOutcome.Refused>();
        (await _db.ScheduleAsync(Some.Request("ann"), "a")).ShouldBe(again[0]);
        (await StoredAsync()).ShouldBe(3);
    }

    [Fact]
    public async Task Keys_that_are_over_or_whose_message_is_gone_are_taken_anew()
    {
        await _db.AddUsersAsync("ann", "bob");
        var first = await _db.ScheduleManyAsync([Item("ann", "over"), Item("bob", "gone")]);
        await _db.DispatchAsync();
        await _db.ExecuteAsync("DELETE FROM message_queue WHERE user_id = 'bob'");
        _db.Now += Duration.FromHours(24);

        var again = await _db.ScheduleManyAsync([Item("ann", "over"), Item("bob", "gone")]);

        again.ShouldAllBe(o => o is ScheduleOutcome.Answered && !((ScheduleOutcome.Answered)o).Replayed);
        again.Select(Id).ShouldNotBe(first.Select(Id));
    }

    [Fact]
    public async Task Identical_batches_at_the_same_moment_store_each_key_once_and_get_the_same_answers()
    {
        await _db.AddUsersAsync(Enumerable.Range(0, 20).Select(i => $"user_{i}"));
        for (var round = 0; round < 5; round++)
        {
            // In different orders: keys that were taken in the order of the request would hold one another up for good.
            var items = Enumerable.Range(0, 200).Select(i => Item($"user_{i % 20}", $"{round} {i}", r => r with
            {
                Lane = i % 50 == 0 ? Lane.Urgent : Lane.High,
                MessageData = $$"""{"content": "number {{i}}"}""",
            })).ToArray();

            var batches = await Task.WhenAll(Enumerable.Range(0, 4).Select(async b =>
            {
                var order = Enumerable.Range(0, 200).OrderBy(i => b % 2 == 0 ? i : -i).ToArray();
                var outcomes = await _db.ScheduleManyAsync([.. order.Select(i => items[i])]);
                return order.Zip(outcomes).OrderBy(o => o.First).Select(o => o.Second).ToList();
            }));

            for (var i = 0; i < 200; i++)
            {
                var ofKey = batches.Select(b => b[i]).ToList();
                ofKey.OfType<ScheduleOutcome.Refused>().ShouldAllBe(r => r.Problem == Problem.IdempotencyKeyRunning() && i % 50 == 0);
                ofKey.OfType<ScheduleOutcome.Answered>().Select(a => a.Json).Distinct().Count().ShouldBe(1);
                ofKey.OfType<ScheduleOutcome.Answered>().Count(a => !a.Replayed).ShouldBe(1);
            }
        }

        (await StoredAsync()).ShouldBe(1000);
    }

    [Fact]
    public async Task A_key_that_a_single_request_takes_between_the_look_and_the_insert_is_replayed_and_the_rest_is_stored()
    {
        await _db.AddUsersAsync("ann", "bob");
        // Held open until the batch waits for it: the look cannot see the key, the insert meets it.
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        var winner = Guid.CreateVersion7();
        var request = Some.Request("ann");
        await using (var command = connection.CreateCommand())
        {
            command.CommandText =
                """
                INSERT INTO idempotency_keys VALUES ('k', @hash, @id, @now, '{"success":true}', @now);
                INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for) VALUES (@id, 'ann', 'a', '{"content": "x"}', @now)
                """;
            command.Parameters.AddWithValue("hash", Admission.HashOf(request, "k")!);
            command.Parameters.AddWithValue("id", winner);
            command.Parameters.AddWithValue("now", _db.Now);
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var batch = _db.ScheduleManyAsync([Item("bob", "other"), new BatchItem(request, "k"), Item("bob")]);
        while (await _db.SingleAsync<int>("SELECT count(*)::int FROM pg_locks WHERE NOT granted") == 0)
            await Task.Yield();
        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        var outcomes = await batch;
        outcomes[1].ShouldBe(new ScheduleOutcome.Answered("""{"success":true}""", Replayed: true));
        outcomes.Select(Code).ShouldBe([null, null, "cooldown"]);
        (await StoredAsync()).ShouldBe(3);
    }

    [Fact]
    public async Task A_lock_on_one_user_keeps_none_of_the_others_from_being_stored()
    {
        await _db.AddUsersAsync("ann", "bob");
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await using (var command = connection.CreateCommand())
        {
            command.CommandText = "SELECT FROM users WHERE id = 'ann' FOR UPDATE";
            await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        var outcomes = await _db.ScheduleManyAsync(
            [Item("ann", with: r => r with { Topic = "t" }), Item("ann"), Item("bob", with: r => r with { Topic = "t" })]);

        outcomes.Select(Code).ShouldBe(["database_unavailable", null, null]);
    }

    [Fact]
    public async Task A_dry_run_answers_the_same_and_stores_nothing()
    {
        await _db.AddUsersAsync("ann");
        BatchItem[] items = [Item("ann", "k"), Item("ann", "k"), Item("nobody")];

        var outcomes = await _db.ScheduleManyAsync(items, dryRun: true);

        outcomes.Take(2).Select(At).ShouldBe([_db.Now, _db.Now + Duration.FromSeconds(30)]);
        outcomes.Take(2).ShouldAllBe(o => Answer(o).GetProperty("messageId").ValueKind == JsonValueKind.Null && Answer(o).GetProperty("dryRun").GetBoolean());
        Code(outcomes[2]).ShouldBe("user_not_found");
        (await StoredAsync()).ShouldBe(0);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM idempotency_keys")).ShouldBe(0);
    }

    [Fact]
    public async Task A_thousand_messages_behind_ten_thousand_of_the_same_user_each_get_a_slot_of_their_own()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("UPDATE users SET quiet_hours_start = '00:00', quiet_hours_end = '00:00'");
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, can_delay, created_at)
            SELECT 'ann', 'agent', '{"content": "x"}', @now + i * interval '30 seconds', 'high', false, @now FROM generate_series(0, 9999) AS i
            """,
            new { now = _db.Now });

        var outcomes = await _db.ScheduleManyAsync([.. Enumerable.Range(0, 1000).Select(_ => Item("ann", with: r => r with { Lane = Lane.High }))]);

        outcomes.Select(At).ShouldBe(Enumerable.Range(10_000, 1000).Select(i => _db.Now + Duration.FromSeconds(30 * i)));
    }

    [Fact]
    public async Task On_an_adopted_database_a_user_deleted_between_the_look_and_the_insert_is_unknown_and_the_others_are_stored()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        await new Postgres.Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        // As the foreign key answers when a user goes in between.
        await adopted.ExecuteAsync(
            """
            CREATE FUNCTION vanish() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              IF NEW.agent_id = 'vanish' THEN RAISE 'gone' USING ERRCODE = '23503'; END IF;
              RETURN NEW;
            END $$;
            CREATE TRIGGER vanish BEFORE INSERT ON message_queue FOR EACH ROW EXECUTE FUNCTION vanish();
            """);

        var outcomes = await adopted.ScheduleManyAsync(
        [
            Item(AdoptedDatabase.Ann.ToUpperInvariant()), Item(AdoptedDatabase.Dan, with: r => r with { AgentId = "vanish" }), Item("no uuid"),
            Item(AdoptedDatabase.Bob, with: r => r with { ConversationId = AdoptedDatabase.BobsConversation }),
            Item(AdoptedDatabase.Bob, with: r => r with { ConversationId = "no uuid" }),
        ]);

        outcomes.Select(o => o is ScheduleOutcome.Refused r ? r.Problem.Code : "stored").ShouldBe(
            ["stored", "user_not_found", "user_not_found", "stored", "conversation_not_found"]);
    }
}
