using Dapper;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Upkeep;

namespace Orchestrator.Service.Tests.Upkeep;

public sealed class PruningTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        _db.Settings = _db.Settings with { Retention = Duration.FromDays(10) };
        await _db.AddUsersAsync("ann", "bob");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private async Task<int> PruneAsync() => (await _db.NewPruner().RunOnceAsync(after: null, TestContext.Current.CancellationToken)).Pruned;

    private Task<int> CountAsync(string table) => _db.SingleAsync<int>($"SELECT count(*)::int FROM {table}");

    private async Task<Guid> DeliveredAsync(string user, string? key = null, bool isSent = true)
    {
        await _db.ScheduleAsync(Some.Request(user) with { Lane = Lane.High, ScheduledBy = "concierge" }, key);
        await _db.DispatchAsync();
        if (isSent)
            await _db.ExecuteAsync("UPDATE messages SET status = 'sent' WHERE user_id = @user", new { user });
        return await _db.SingleAsync<Guid>("SELECT id FROM message_queue WHERE user_id = @user ORDER BY created_at DESC LIMIT 1", new { user });
    }

    [Fact]
    public async Task A_message_that_left_the_queue_long_ago_goes_with_its_trail_its_key_and_its_requests_and_what_was_said_stays()
    {
        var id = await DeliveredAsync("ann", key: "k");
        await _db.ExecuteAsync(
            "INSERT INTO sms_requests (message_id, attempt, account, sender, recipient, requested_at) VALUES (@id, 1, 'a', 'b', 'c', now()); INSERT INTO message_traces VALUES (@id, repeat('x', 55))", new { id });
        _db.Now += Duration.FromDays(10) + Duration.FromSeconds(1);

        (await PruneAsync()).ShouldBe(1);

        (await CountAsync("message_queue"), await CountAsync("agent_actions_log"), await CountAsync("idempotency_keys"), await CountAsync("sms_requests"), await CountAsync("message_traces"))
            .ShouldBe((0, 0, 0, 0, 0));
        (await _db.SingleAsync<Guid>("SELECT id FROM messages")).ShouldBe(id);
    }

    [Fact]
    public async Task Nothing_is_pruned_before_its_time_nor_while_it_waits_nor_where_somebody_else_finished_it()
    {
        await DeliveredAsync("ann");
        await _db.QueueAsync("bob", scheduledFor: _db.Now + Duration.FromDays(400));
        await _db.ExecuteAsync(
            "INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status, created_at) VALUES ('bob', 'a', '{}', '2020-01-01', 'failed', '2020-01-01')");
        _db.Now += Duration.FromDays(10) - Duration.FromSeconds(1);

        (await PruneAsync()).ShouldBe(0);

        _db.Now += Duration.FromDays(100);
        (await PruneAsync()).ShouldBe(1);
        (await _db.QueryAsync<string>("SELECT status FROM message_queue ORDER BY status")).ShouldBe(["failed", "queued"]);
    }

    [Fact]
    public async Task Every_way_out_of_the_queue_is_pruned()
    {
        var cancelled = await _db.ScheduledIdAsync(Some.Request("ann") with { ScheduledFor = _db.Now + Duration.FromDays(1) });
        await _db.NewCancellation().CancelAsync(cancelled, key: null, TestContext.Current.CancellationToken);
        await _db.ScheduledIdAsync(Some.Request("ann") with { Topic = "t", ScheduledFor = _db.Now + Duration.FromDays(1) });
        await _db.ScheduledIdAsync(Some.Request("ann") with { Topic = "t", ExpiresAt = _db.Now + Duration.FromDays(2), ScheduledFor = _db.Now + Duration.FromDays(1) });
        await _db.QueueAsync("nobody");
        await _db.DispatchAsync();
        _db.Now += Duration.FromDays(3);
        await _db.DispatchAsync();
        (await _db.QueryAsync<string>("SELECT status FROM message_queue ORDER BY status")).ShouldBe(["cancelled", "expired", "failed", "superseded"]);

        _db.Now += Duration.FromDays(11);
        (await PruneAsync()).ShouldBe(4);
    }

    [Fact]
    public async Task Of_a_budget_old_days_go_but_the_newest_whose_limits_count_stays()
    {
        await _db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date, daily_limit) VALUES ('bob', '2025-01-01', 7)");
        await DeliveredAsync("ann");
        await DeliveredAsync("bob");
        _db.Now += Duration.FromDays(1);
        await DeliveredAsync("ann");
        _db.Now += Duration.FromDays(20);

        (await PruneAsync()).ShouldBe(3);

        (await _db.QueryAsync<(string, LocalDate, int?)>("SELECT user_id, date, daily_limit FROM user_message_budget ORDER BY user_id"))
            .ShouldBe([("ann", new LocalDate(2025, 10, 16), null), ("bob", new LocalDate(2025, 10, 15), 7)]);
    }

    [Fact]
    public async Task It_goes_in_steps_the_oldest_first()
    {
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status, finished_at)
            SELECT 'ann', 'a', '{}', @at, 'failed', @at + i * interval '1 second' FROM generate_series(1, @many) AS i
            """,
            new { at = _db.Now, many = Pruner.StepSize + 3 });
        _db.Now += Duration.FromDays(11);

        (await PruneAsync()).ShouldBe(Pruner.StepSize);
        (await _db.SingleAsync<Instant>("SELECT min(finished_at) FROM message_queue"))
            .ShouldBe(_db.Now - Duration.FromDays(11) + Duration.FromSeconds(Pruner.StepSize + 1));
        (await PruneAsync()).ShouldBe(3);
        (await PruneAsync()).ShouldBe(0);
    }

    [Fact]
    public async Task What_somebody_holds_is_left_and_delays_nothing()
    {
        var held = await DeliveredAsync("ann");
        await DeliveredAsync("bob");
        _db.Now += Duration.FromDays(11);
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("SELECT FROM message_queue WHERE id = @held FOR UPDATE", new { held }, transaction);

        (await PruneAsync()).ShouldBe(1);

        (await _db.SingleAsync<Guid>("SELECT id FROM message_queue")).ShouldBe(held);
    }

    [Fact]
    public async Task One_instance_prunes_at_a_time_and_the_other_leaves_it_to_it()
    {
        await DeliveredAsync("ann");
        _db.Now += Duration.FromDays(11);
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("SELECT pg_advisory_xact_lock(1886549358)", transaction: transaction);

        (await PruneAsync()).ShouldBe(0);

        await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        (await PruneAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task A_message_stays_while_its_SMS_is_still_to_be_sent_and_hides_none_that_come_after_it()
    {
        _db.Settings = _db.Settings with { Sms = _db.Settings.Sms with { Delivery = Service.Sms.SmsDelivery.Log } };
        var waits = await DeliveredAsync("ann", isSent: false);
        await DeliveredAsync("bob");
        _db.Now += Duration.FromDays(11);

        (await PruneAsync()).ShouldBe(1);
        (await _db.SingleAsync<Guid>("SELECT id FROM message_queue")).ShouldBe(waits);

        // Where another program sends, this one does not know what becomes of it.
        _db.Settings = _db.Settings with { Sms = _db.Settings.Sms with { Delivery = Service.Sms.SmsDelivery.External } };
        (await PruneAsync()).ShouldBe(1);
    }

    [Fact]
    public async Task What_another_program_has_queued_again_stays_and_the_next_step_goes_on_behind_it()
    {
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status, finished_at)
            SELECT 'ann', 'a', '{}', @at, CASE WHEN i <= @many THEN 'queued' ELSE 'failed' END, @at + i * interval '1 second' FROM generate_series(1, @many + 1) AS i
            """,
            new { at = _db.Now, many = Pruner.StepSize });
        _db.Now += Duration.FromDays(11);

        var first = await _db.NewPruner().RunOnceAsync(after: null, TestContext.Current.CancellationToken);
        var second = await _db.NewPruner().RunOnceAsync(first, TestContext.Current.CancellationToken);

        (first.Looked, first.Pruned, second.Looked, second.Pruned).ShouldBe((Pruner.StepSize, 0, 1, 1));
    }

    [Fact]
    public async Task On_an_adopted_database_a_message_goes_after_the_one_that_it_replaced_and_stays_while_that_stays()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        adopted.Settings = _db.Settings;
        await new Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        var user = await adopted.SingleAsync<string>("SELECT id::text FROM users LIMIT 1");
        await adopted.ExecuteAsync("DELETE FROM message_queue");
        // One replaced by the service before, and nobody knows when; one replaced by this one.
        await adopted.ExecuteAsync(
            """
            INSERT INTO message_queue (id, user_id, agent_id, message_data, scheduled_for, status, finished_at)
            SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid, @user::external_id, 'a', '{}', @Now, 'failed', @Now + i * interval '1 second' FROM generate_series(1, 3) AS i;
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status, superseded_by_message_id)
            VALUES (@user::external_id, 'a', '{}', @Now, 'superseded', '00000000-0000-0000-0000-000000000001');
            UPDATE message_queue SET superseded_by_message_id = '00000000-0000-0000-0000-000000000003' WHERE id = '00000000-0000-0000-0000-000000000002'
            """,
            new { user, adopted.Now });
        adopted.Now += Duration.FromDays(11);

        for (var step = 0; step < 2; step++)
            await adopted.NewPruner().RunOnceAsync(after: null, TestContext.Current.CancellationToken);

        (await adopted.QueryAsync<string>("SELECT status FROM message_queue ORDER BY status")).ShouldBe(["failed", "superseded"]);
    }

    [Fact]
    public async Task What_another_programs_table_refers_to_is_kept_and_everything_else_goes()
    {
        var referred = await DeliveredAsync("ann");
        await DeliveredAsync("bob");
        await _db.ExecuteAsync("CREATE TABLE others (message_id uuid REFERENCES message_queue (id)); INSERT INTO others VALUES (@referred)", new { referred });
        _db.Now += Duration.FromDays(11);

        (await PruneAsync()).ShouldBe(1);

        (await _db.SingleAsync<Guid>("SELECT id FROM message_queue")).ShouldBe(referred);
    }

    [Fact]
    public async Task Without_a_retention_everything_is_kept()
    {
        _db.Settings = _db.Settings with { Retention = null };
        await DeliveredAsync("ann");
        _db.Now += Duration.FromDays(10_000);

        (await PruneAsync()).ShouldBe(0);

        (await CountAsync("message_queue")).ShouldBe(1);
    }

    [Fact]
    public async Task A_key_can_be_used_anew_when_its_message_has_been_pruned()
    {
        var first = await DeliveredAsync("ann", key: "k");
        _db.Now += Duration.FromDays(11);
        await PruneAsync();

        var outcome = await _db.ScheduleAsync(Some.Request("bob"), "k");

        outcome.ShouldBeOfType<ScheduleOutcome.Answered>().Json.ShouldNotContain(first.ToString());
    }

    [Fact]
    public async Task Lists_and_prunings_read_no_more_than_their_page_of_a_large_table()
    {
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status, created_at, finished_at)
            SELECT 'ann', 'a', '{}', @at, CASE WHEN i % 2 = 0 THEN 'failed' ELSE 'queued' END, @at + i * interval '1 second',
              CASE WHEN i % 2 = 0 THEN @at + i * interval '1 second' END
            FROM generate_series(1, 20000) AS i
            """,
            new { at = _db.Now });
        await _db.ExecuteAsync("ANALYZE message_queue");
        foreach (var (query, parameters) in new (string, object)[]
        {
            ("ListMessages", new { statuses = new[] { "queued", "failed", "sent" }, at = Instant.MaxValue, after = Guid.Empty, limit = 50 }),
            ("ListMessages", new { statuses = new[] { "queued" }, at = Instant.MaxValue, after = Guid.Empty, limit = 50 }),
            ("FindPrunable", new { before = _db.Now + Duration.FromDays(1), afterTime = _db.Now, afterId = Guid.Empty, sends = true, limit = 50 }),
        })
        {
            await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
            if (query == "FindPrunable")
                await connection.ExecuteAsync(Sql.Query("PlanByIndex"));
            var plan = string.Join('\n', await connection.QueryAsync<string>("EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF) " + Sql.Query(query), parameters));
            plan.ShouldNotContain("Seq Scan on message_queue");
            foreach (var rows in plan.Split('\n').Where(line => line.Contains("message_queue", StringComparison.Ordinal)).Select(RowsOf))
                rows.ShouldBeLessThanOrEqualTo(50, plan);
            plan.ShouldNotContain("Rows Removed by Filter");
        }
    }

    /// <summary>How many rows a line of a plan says it gave.</summary>
    private static int RowsOf(string line) =>
        line.Split("actual rows=") is [_, var rest] ? int.Parse(rest.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture) : 0;
}
