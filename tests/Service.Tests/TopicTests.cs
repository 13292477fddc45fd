using System.Text.Json;
using Dapper;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

public sealed class TopicTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        await _db.AddUsersAsync("ann", "bob");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private static ScheduleRequest About(string topic, string user = "ann") => Some.Request(user) with { Lane = Lane.High, Topic = topic };

    private async Task<JsonElement> AnswerAsync(ScheduleRequest request, string? key = null, bool dryRun = false) =>
        JsonDocument.Parse((await _db.ScheduleAsync(request, key, dryRun)).ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;

    private async Task<Guid> ScheduledAsync(ScheduleRequest request, string? key = null) =>
        (await AnswerAsync(request, key)).GetProperty("messageId").GetGuid();

    private Task<int> CountAsync(string status, string user = "ann") => _db.SingleAsync<int>(
        "SELECT count(*)::int FROM message_queue WHERE status = @status AND user_id = @user", new { status, user });

    [Fact]
    public async Task A_newer_message_of_the_topic_supersedes_the_one_that_waits_and_both_rows_say_so()
    {
        var older = await ScheduledAsync(About("match"));

        var newer = await ScheduledAsync(About("match"));

        (await _db.SingleAsync<(string, Guid?, string?, string?, Instant?)>(
            "SELECT status, superseded_by_message_id, superseded_reason, reason, finished_at FROM message_queue WHERE id = @older", new { older }))
            .ShouldBe(("superseded", newer, "newer_topic", "newer_topic", _db.Now));
        (await _db.SingleAsync<(string, string, Guid)>(
            "SELECT output_data->>'code', output_data->>'reason', (output_data->>'by')::uuid FROM agent_actions_log WHERE context_id = @older AND action_type = 'message_superseded'",
            new { older })).ShouldBe(("newer_topic", Reasons.NewerTopicSentence, newer));
        (await _db.DispatchAsync()).ShouldBe(new Dispatch.DispatchResult(1, 0, 0, 0));
        (await _db.StatusOfAsync(newer)).ShouldBe("sent");
    }

    [Fact]
    public async Task The_slot_of_the_message_superseded_is_free_again()
    {
        await ScheduledAsync(About("match"));

        (await AnswerAsync(About("match"), dryRun: true)).TryGetProperty("code", out _).ShouldBeFalse();
        (await AnswerAsync(About("match"))).TryGetProperty("code", out _).ShouldBeFalse();
        (await AnswerAsync(About("other"))).GetProperty("code").GetString().ShouldBe("cooldown");
    }

    [Fact]
    public async Task Other_topics_other_users_and_messages_without_a_topic_stay()
    {
        await ScheduledAsync(Some.Request("ann"));
        await ScheduledAsync(About("other"));
        await ScheduledAsync(About("match", user: "bob"));

        await ScheduledAsync(About("match"));
        await ScheduledAsync(Some.Request("ann"));

        (await CountAsync("superseded")).ShouldBe(0);
        (await CountAsync("superseded", "bob")).ShouldBe(0);
    }

    [Fact]
    public async Task What_was_handed_over_is_not_superseded()
    {
        var older = await ScheduledAsync(About("match"));
        await _db.DispatchAsync();

        await ScheduledAsync(About("match"));

        (await _db.StatusOfAsync(older)).ShouldBe("sent");
        (await CountAsync("queued")).ShouldBe(1);
    }

    [Fact]
    public async Task Nothing_is_superseded_where_nothing_is_stored()
    {
        var first = About("match") with { AgentId = "first" };
        await ScheduledAsync(first, key: "k");
        var second = await ScheduledAsync(About("match"));

        (await AnswerAsync(first, key: "k")).GetProperty("messageId").GetGuid().ShouldNotBe(second);
        (await _db.ScheduleAsync(About("match"), key: "k")).ShouldBeOfType<ScheduleOutcome.Refused>().Problem.Code.ShouldBe("idempotency_key_reused");
        await AnswerAsync(About("match"), dryRun: true);
        foreach (var refused in (ScheduleRequest[])[About("match") with { ConversationId = "none" }, About("match") with { ExpiresAt = _db.Now },
            About("match") with { HasContent = false }, About("match") with { MessageData = """{"content": "x", "n": 1e999999}""" }])
        {
            (await _db.ScheduleAsync(refused)).ShouldBeOfType<ScheduleOutcome.Refused>();
        }

        (await _db.StatusOfAsync(second)).ShouldBe("queued");
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue")).ShouldBe(2);
    }

    [Fact]
    public async Task Where_superseding_fails_the_newer_message_is_not_stored_either()
    {
        var older = await ScheduledAsync(About("match"));
        await _db.ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '42501'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON agent_actions_log FOR EACH ROW WHEN (NEW.action_type = 'message_superseded') EXECUTE FUNCTION refuse();
            """);

        await Should.ThrowAsync<PostgresException>(() => _db.ScheduleAsync(About("match"), key: "k"));

        (await _db.QueryAsync<(Guid, string)>("SELECT id, status FROM message_queue")).ShouldBe([(older, "queued")]);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM idempotency_keys")).ShouldBe(0);
    }

    [Fact]
    public async Task A_request_that_dies_before_it_has_its_turn_has_done_nothing_and_can_be_repeated()
    {
        var older = await ScheduledAsync(About("match"));
        await using var holder = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await holder.ExecuteAsync("SELECT FROM users WHERE id = 'ann' FOR NO KEY UPDATE");
        var dying = _db.ScheduleAsync(About("match"), key: "k");
        await WhenWaitingAsync(dying);

        await _db.QueryAsync<bool>(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");

        DatabaseErrors.IsOutOfReach(await Should.ThrowAsync<NpgsqlException>(dying)).ShouldBeTrue();
        await transaction.CommitAsync(TestContext.Current.CancellationToken);
        (await _db.StatusOfAsync(older)).ShouldBe("queued");
        var newer = await ScheduledAsync(About("match"), key: "k");
        (await _db.QueryAsync<(Guid, string)>("SELECT id, status FROM message_queue ORDER BY id")).ShouldBe([(older, "superseded"), (newer, "queued")]);
    }

    [Fact]
    public async Task Of_two_requests_of_one_topic_at_the_same_moment_exactly_one_stays_and_supersedes_the_other()
    {
        for (var round = 0; round < 40; round++)
        {
            var topic = $"topic {round}";
            var count = 2 + (round % 3);

            var ids = await Task.WhenAll(Enumerable.Range(0, count).Select(_ => ScheduledAsync(About(topic))));

            var rows = await _db.QueryAsync<(Guid Id, string Status, Guid? By)>(
                "SELECT id, status, superseded_by_message_id FROM message_queue WHERE topic = @topic", new { topic });
            rows.Select(r => r.Id).ShouldBe(ids, ignoreOrder: true);
            var stays = rows.Where(r => r.Status == "queued").ShouldHaveSingleItem();
            var superseded = rows.Where(r => r.Id != stays.Id).ToList();
            superseded.ShouldAllBe(r => r.Status == "superseded" && ids.Contains(r.By!.Value));
            // One after the other: each by the next, the last by the one that stays.
            superseded.Select(r => r.By).ShouldBeUnique();
            superseded.ShouldContain(r => r.By == stays.Id);
        }
    }

    [Fact]
    public async Task A_request_that_comes_while_an_earlier_one_has_not_committed_waits_and_supersedes_it()
    {
        await using var holder = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await holder.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await holder.ExecuteAsync("SELECT FROM users WHERE id = 'ann' FOR NO KEY UPDATE");
        var earlier = Guid.CreateVersion7();
        await holder.ExecuteAsync(
            """
            INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, topic)
            VALUES (@earlier, 'ann', 'agent', '{"content": "x"}', @Now, 'match')
            """,
            new { earlier, _db.Now });
        var later = ScheduledAsync(About("match"));
        await WhenWaitingAsync(later);

        await transaction.CommitAsync(TestContext.Current.CancellationToken);

        var by = await later;
        (await _db.SingleAsync<Guid?>("SELECT superseded_by_message_id FROM message_queue WHERE id = @earlier", new { earlier })).ShouldBe(by);
    }

    [Fact]
    public async Task What_a_dispatch_is_delivering_meanwhile_is_delivered_or_superseded_and_never_both()
    {
        var users = Enumerable.Range(0, 60).Select(i => $"user_{i}").ToList();
        await _db.AddUsersAsync(users);
        foreach (var user in users)
            await ScheduledAsync(About("match", user));

        await Task.WhenAll(
            Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _db.DispatchAsync())),
            Task.WhenAll(users.Select(user => ScheduledAsync(About("match", user)))));

        var rows = await _db.QueryAsync<(string User, string Status, bool HandedOver)>(
            "SELECT q.user_id, q.status, m.id IS NOT NULL FROM message_queue q LEFT JOIN messages m ON m.id = q.id WHERE q.user_id LIKE 'user%'");
        rows.Count.ShouldBe(120);
        rows.ShouldAllBe(r => r.HandedOver == (r.Status == "sent"));
        rows.GroupBy(r => r.User).Select(ofUser => string.Join(' ', ofUser.Select(r => r.Status).Order(StringComparer.Ordinal)))
            .ShouldAllBe(statuses => statuses == "queued sent" || statuses == "queued superseded" || statuses == "sent superseded");
    }

    [Fact]
    public async Task Repetitions_with_one_key_supersede_once_however_many_run_at_the_same_moment()
    {
        var older = await ScheduledAsync(About("match"));

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _db.ScheduleAsync(About("match"), key: "k")));

        outcomes.OfType<ScheduleOutcome.Answered>().Select(a => a.Json).Distinct().ShouldHaveSingleItem();
        outcomes.Length.ShouldBe(outcomes.OfType<ScheduleOutcome.Answered>().Count());
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue")).ShouldBe(2);
        (await _db.StatusOfAsync(older)).ShouldBe("superseded");
    }

    [Fact]
    public async Task A_sequence_of_the_topic_is_superseded_whole_and_takes_no_more_messages()
    {
        ScheduleRequest Part(int position, string? topic) =>
            Some.Request("ann") with { Topic = topic, Sequence = new SequencePlace("seq_1", position, 3) };
        await ScheduledAsync(Part(1, "match"));
        await ScheduledAsync(Part(2, null));
        (await CountAsync("queued")).ShouldBe(2);

        var newer = await ScheduledAsync(About("match"));

        (await _db.QueryAsync<Guid>("SELECT superseded_by_message_id FROM message_queue WHERE status = 'superseded'")).ShouldBe([newer, newer]);
        (await _db.ScheduleAsync(Part(3, "match"))).ShouldBeOfType<ScheduleOutcome.Refused>().Problem
            .ShouldSatisfyAllConditions(p => p.Code.ShouldBe("sequence_conflict"), p => p.Errors!.Keys.ShouldBe(["sequence.id"]));
        (await _db.StatusOfAsync(newer)).ShouldBe("queued");
    }

    [Fact]
    public async Task The_messages_of_one_sequence_share_a_topic_and_do_not_supersede_one_another()
    {
        var older = await ScheduledAsync(About("match"));
        await ScheduledAsync(About("match") with { Sequence = new SequencePlace("seq_1", 1, 2) });
        await ScheduledAsync(About("match") with { Sequence = new SequencePlace("seq_1", 2, 2) });

        (await _db.StatusOfAsync(older)).ShouldBe("superseded");
        (await CountAsync("queued")).ShouldBe(2);

        await ScheduledAsync(About("match") with { Following = ["""{"content": "b"}"""] });

        (await CountAsync("superseded")).ShouldBe(3);
        (await CountAsync("queued")).ShouldBe(2);
    }

    [Fact]
    public async Task On_an_adopted_database_a_newer_message_supersedes_as_well()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        await new Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        await adopted.ScheduleAsync(About("match", AdoptedDatabase.Ann));

        await adopted.ScheduleAsync(About("match", AdoptedDatabase.Ann));

        (await adopted.QueryAsync<string>("SELECT status FROM message_queue WHERE topic = 'match' ORDER BY id")).ShouldBe(["superseded", "queued"]);
    }

    /// <summary>Until the request waits for a lock; one that does not has gone ahead.</summary>
    private async Task WhenWaitingAsync(Task request)
    {
        while (await _db.SingleAsync<int>(
            "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0)
        {
            request.IsCompleted.ShouldBeFalse();
        }
    }
}
