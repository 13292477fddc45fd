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

    private Task<int> PruneAsync() => _db.NewPruner().RunOnceAsync(TestContext.Current.CancellationToken);

    private Task<int> CountAsync(string table) => _db.SingleAsync<int>($"SELECT count(*)::int FROM {table}");

    private async Task<Guid> DeliveredAsync(string user, string? key = null)
    {
        await _db.ScheduleAsync(Some.Request(user) with { Lane = Lane.High, ScheduledBy = "concierge" }, key);
        await _db.DispatchAsync();
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
        await Dapper.SqlMapper.ExecuteAsync(connection, "SELECT FROM message_queue WHERE id = @held FOR UPDATE", new { held }, transaction);

        (await PruneAsync()).ShouldBe(1);

        (await _db.SingleAsync<Guid>("SELECT id FROM message_queue")).ShouldBe(held);
    }

    [Fact]
    public async Task Two_instances_prune_each_message_once()
    {
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status, finished_at)
            SELECT 'ann', 'a', '{}', @at, 'failed', @at FROM generate_series(1, 800)
            """,
            new { at = _db.Now });
        _db.Now += Duration.FromDays(11);

        var pruned = await Task.WhenAll(PruneAsync(), PruneAsync());

        // Together they have taken a step each at most, and no row twice.
        (pruned.Sum() + await CountAsync("message_queue")).ShouldBe(800);
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
            ("PruneMessages", new { before = _db.Now, firstDay = _db.Now.InUtc().Date, limit = 50 }),
        })
        {
            var plan = string.Join('\n', await _db.QueryAsync<string>("EXPLAIN (ANALYZE, BUFFERS OFF, COSTS OFF, TIMING OFF) " + Sql.Query(query), parameters));
            plan.ShouldNotContain("Seq Scan on message_queue");
            foreach (var rows in plan.Split('\n').Where(line => line.Contains("message_queue", StringComparison.Ordinal)).Select(RowsOf))
                rows.ShouldBeLessThanOrEqualTo(50, plan);
        }
    }

    /// <summary>How many rows a line of a plan says it gave.</summary>
    private static int RowsOf(string line) =>
        line.Split("actual rows=") is [_, var rest] ? int.Parse(rest.Split(' ')[0], System.Globalization.CultureInfo.InvariantCulture) : 0;
}
