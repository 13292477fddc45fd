using Dapper;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Tests;

/// <summary>How the database finds the rows of a batch, whatever it knows or does not yet know of the table.</summary>
public sealed class PlanTests(PostgresServer server) : IAsyncLifetime
{
    private const int Waiting = 5000;

    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        await _db.ExecuteAsync("ALTER TABLE message_queue SET (autovacuum_enabled = false)");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    [Theory]
    [InlineData("DeliverMessages")]
    [InlineData("DeferMessages")]
    [InlineData("FinishMessages")]
    [InlineData("LeaseRenders")]
    [InlineData("MoveBestTimes")]
    [InlineData("ClaimMessages")]
    public async Task The_messages_of_a_batch_are_found_by_their_ids_and_all_others_are_left_alone(string query)
    {
        // Nothing is known of the table; the queue was empty when it was last looked at; all of it waited; it has been emptied.
        await ExpectByIdAsync(query);
        await _db.ExecuteAsync("INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status) SELECT 'ann', 'a', '{}', now(), 'failed' FROM generate_series(1, 5000)");
        await _db.ExecuteAsync("ANALYZE message_queue");
        await ExpectByIdAsync(query);
        await _db.ExecuteAsync("DELETE FROM message_queue WHERE status = 'failed'");
        await _db.ExecuteAsync("ANALYZE message_queue");
        await ExpectByIdAsync(query);
        await EmptyAsync();
        await ExpectByIdAsync(query);
    }

    [Fact]
    public async Task What_a_model_is_at_is_found_by_its_own_index_however_much_else_waits_for_the_users()
    {
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, created_at)
            SELECT 'user_' || i % 200, 'a', '{"content": "x"}', @Now + interval '1 hour', @Now FROM generate_series(1, @Waiting) AS i
            """,
            new { _db.Now, Waiting });

        var plan = await ExplainAsync(
            "EXPLAIN", "LoadLeasedMessages", new { userIds = Enumerable.Range(0, 200).Select(i => $"user_{i}").ToArray(), _db.Now });

        plan.ShouldContain(line => line.Contains("Index Scan using message_queue_leased_idx", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("LoadWaitingMessages", "message_queue_waiting_idx")]
    [InlineData("LoadHeldMessages", "message_queue_waiting_idx")]
    [InlineData("LoadUsersWithHigherLanesWaiting", "message_queue_waiting_idx")]
    [InlineData("ClaimDueMessagesOfUser", "message_queue_waiting_idx")]
    [InlineData("ClaimDueMessages", "message_queue_due_idx")]
    [InlineData("CountHigherLanesDue", "message_queue_due_idx")]
    public async Task What_waits_for_a_user_or_in_a_lane_is_found_by_its_index_though_nothing_waited_when_statistics_were_taken(string query, string index)
    {
        // Long ids make one index a level deeper than the other: enough for a planner that takes both to be empty to prefer the wrong one.
        // And another program has an index of times.
        if (index == "message_queue_waiting_idx")
            await _db.ExecuteAsync("CREATE INDEX of_another_program ON message_queue (scheduled_for, priority) WHERE status IN ('queued', 'approved')");
        var users = Enumerable.Range(0, 50).Select(i => new string('x', 200) + i).ToArray();
        const string insert =
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, created_at)
            SELECT repeat('x', 200) || i, 'a', '{"content": "x"}', @Now + i * interval '1 second', @Now FROM generate_series(1, @Waiting) AS i
            """;
        await _db.ExecuteAsync(insert, new { _db.Now, Waiting });
        await EmptyAsync();
        await _db.ExecuteAsync(insert, new { _db.Now, Waiting });

        var plan = await ExplainAsync("EXPLAIN", query, new
        {
            userIds = users,
            userId = users[0],
            worstLanes = users.Select(_ => "low").ToArray(),
            _db.Now,
            limit = 100,
            from = Enumerable.Repeat(_db.Now, 4).ToArray(),
            skippedUsers = Array.Empty<string>(),
        });

        plan.ShouldNotContain(line => line.Contains("of_another_program", StringComparison.Ordinal), string.Join('\n', plan));
        plan.ShouldContain(line => line.Contains($" Scan using {index} on", StringComparison.Ordinal), string.Join('\n', plan));
        plan.ShouldContain(line => line.Contains("Index Cond: ", StringComparison.Ordinal)
            && line.Contains(index == "message_queue_waiting_idx" ? "user_id >=" : "priority =", StringComparison.Ordinal), string.Join('\n', plan));
    }

    /// <summary>As on a quiet evening: statistics are taken of a queue that has become empty, and is as long as before, for the last row is still there.</summary>
    private async Task EmptyAsync()
    {
        await _db.ExecuteAsync("INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, status) VALUES ('ann', 'a', '{}', now(), 'failed')");
        await _db.ExecuteAsync("DELETE FROM message_queue WHERE status = 'queued'");
        await _db.ExecuteAsync("VACUUM ANALYZE message_queue");
    }

    private async Task ExpectByIdAsync(string query)
    {
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, created_at)
            SELECT gen_random_uuid()::text, 'a', '{"content": "x"}', @Now, @Now FROM generate_series(1, @Waiting)
            """,
            new { _db.Now, Waiting });
        var ids = (await _db.QueryAsync<Guid>("SELECT id FROM message_queue WHERE status = 'queued' ORDER BY random() LIMIT 500")).ToArray();
        var plan = await ExplainAsync("EXPLAIN (ANALYZE, TIMING OFF, COSTS OFF)", query, new
        {
            ids,
            _db.Now,
            readAt = DateTime.UtcNow,
            conversationIds = Of("c"),
            dates = Of(new LocalDate(2025, 10, 15)),
            places = Of(0),
            untils = Of(_db.Now),
            bestTimes = Of(_db.Now),
            claims = Of<Guid?>(null),
            codes = Of("x"),
            sentences = Of("x"),
            statuses = Of("failed"),
            logIds = ids,
        });

        plan.ShouldContain(line => line.Contains("Index Scan using message_queue_pkey", StringComparison.Ordinal));
        plan.ShouldNotContain(
            line => line.Contains(" on message_queue", StringComparison.Ordinal) && line.Contains("Scan", StringComparison.Ordinal)
                && !line.Contains("message_queue_pkey", StringComparison.Ordinal) && !line.Contains("loops=0", StringComparison.Ordinal)
                && !line.Contains("never executed", StringComparison.Ordinal),
            string.Join('\n', plan));

        T[] Of<T>(T value) => [.. ids.Select(_ => value)];
    }

    /// <summary>The plan of a statement as a look or a dispatch runs it; what it does is undone.</summary>
    private async Task<List<string>> ExplainAsync(string explain, string query, object parameters)
    {
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync(Sql.Query("PlanByIndex"));
        return (await connection.QueryAsync<string>($"{explain} {Sql.Query(query)}", parameters)).AsList();
    }
}
