using Dapper;
using Npgsql;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

public sealed class MigrationTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateEmptyAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    [Fact]
    public async Task An_empty_database_gets_every_table()
    {
        (await MigrateAsync()).ShouldBe(Sql.Migrations.Select(m => m.Key));

        (await TablesAsync()).ShouldBe(
            [
                "agent_actions_log", "conversations", "dispatchers", "idempotency_keys", "message_queue", "message_traces", "messages", "model_spending",
                "orchestrator_migrations", "sms_gate", "sms_requests", "sms_turns", "user_message_budget", "users",
            ]);
    }

    [Fact]
    public async Task A_second_run_changes_nothing()
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann");
        await _db.QueueAsync("ann");
        var before = await FingerprintAsync();

        (await MigrateAsync()).ShouldBeEmpty();

        (await FingerprintAsync()).ShouldBe(before);
    }

    [Fact]
    public async Task Eight_instances_that_start_at_once_apply_each_migration_once()
    {
        var instances = Enumerable.Range(0, 8).Select(_ => new TestDatabase(_db.ConnectionString)).ToList();

        var applied = await Task.WhenAll(instances.Select(instance =>
            Task.Run(() => new Migrator(instance.DataSource).MigrateAsync(TestContext.Current.CancellationToken))));

        applied.SelectMany(names => names).Order(StringComparer.Ordinal).ShouldBe(Sql.Migrations.Select(m => m.Key));
        (await _db.QueryAsync<string>("SELECT name FROM orchestrator_migrations ORDER BY name")).ShouldBe(Sql.Migrations.Select(m => m.Key));
        foreach (var instance in instances)
            await instance.DisposeAsync();
    }

    [Fact]
    public async Task A_migration_that_fails_leaves_nothing_half_done_and_succeeds_once_the_cause_is_gone()
    {
        // In the way of a function that the first migration creates after half of the tables.
        await _db.ExecuteAsync("CREATE FUNCTION message_text(jsonb) RETURNS text LANGUAGE sql RETURN NULL::text");
        var before = await FingerprintAsync();

        (await Should.ThrowAsync<PostgresException>(MigrateAsync)).SqlState.ShouldBe(PostgresErrorCodes.DuplicateFunction);
        (await FingerprintAsync()).ShouldBe(before);

        await _db.ExecuteAsync("DROP FUNCTION message_text");
        (await MigrateAsync()).ShouldBe(Sql.Migrations.Select(m => m.Key));
    }

    [Fact]
    public async Task The_services_own_tables_show_no_row_to_a_role_without_rights()
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann");
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        await _db.ScheduleAsync(Some.Request("ann") with { Following = ["""{"content": "More"}"""] }, key: "k1");

        // A role such as a REST gateway's, to which whole schemas are granted. It goes with the transaction.
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        var role = $"gateway_{Guid.NewGuid():N}";
        await connection.ExecuteAsync($"CREATE ROLE {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}");
        foreach (var table in (string[])["message_queue", "user_message_budget", "dispatchers", "idempotency_keys", "orchestrator_migrations", "queue_messages", "waiting_messages", "sequence_messages"])
        {
            (await connection.ExecuteScalarAsync<long>($"SELECT count(*) FROM {table}")).ShouldBePositive(table);
            await connection.ExecuteAsync($"SET LOCAL ROLE {role}");
            (await connection.ExecuteScalarAsync<long>($"SELECT count(*) FROM {table}")).ShouldBe(0, table);
            await connection.ExecuteAsync("RESET ROLE");
        }

        await connection.ExecuteAsync($"SET LOCAL ROLE {role}");
        var refusal = await Should.ThrowAsync<PostgresException>(() => connection.ExecuteAsync(
            "INSERT INTO dispatchers (id, started_at, last_pass_at) VALUES (gen_random_uuid(), now(), now())"));
        refusal.SqlState.ShouldBe(PostgresErrorCodes.InsufficientPrivilege);
    }

    [Fact]
    public async Task An_owner_who_is_no_superuser_migrates_schedules_and_dispatches()
    {
        // A superuser is above row-level security, so only an ordinary owner shows that it lets the service work.
        var role = $"owner_{Guid.NewGuid():N}";
        await _db.ExecuteAsync($"CREATE ROLE {role}; GRANT CREATE, USAGE ON SCHEMA public TO {role}");
        try
        {
            await using var owned = new TestDatabase(
                new NpgsqlConnectionStringBuilder(_db.ConnectionString) { Options = $"-c role={role}", Pooling = false }.ConnectionString);
            await new Migrator(owned.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
            await owned.AddUsersAsync("ann", "bob");
            await owned.QueueAsync("ann");

            (await owned.ScheduleAsync(Some.Request("bob"), key: "k1")).ShouldBeOfType<ScheduleOutcome.Answered>().Replayed.ShouldBeFalse();
            (await owned.ScheduleAsync(Some.Request("bob"), key: "k1")).ShouldBeOfType<ScheduleOutcome.Answered>().Replayed.ShouldBeTrue();
            (await owned.DispatchAsync()).ShouldBe(new DispatchResult(Delivered: 2, 0, 0, 0));
        }
        finally
        {
            await _db.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }
    }

    [Theory]
    [InlineData("priority", "'soon'", "message_queue_priority_is_a_lane")]
    [InlineData("priority", "'HIGH'", "message_queue_priority_is_a_lane")]
    [InlineData("status", "'approved'", "message_queue_status_is_known")]
    [InlineData("status", "'sent'", "message_queue_sent_means_delivered")]
    public async Task A_queue_row_that_no_dispatch_would_find_is_refused(string column, string value, string constraint)
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann");
        var id = await _db.QueueAsync("ann");

        var refusal = await Should.ThrowAsync<PostgresException>(
            () => _db.ExecuteAsync($"UPDATE message_queue SET {column} = {value} WHERE id = @id", new { id }));

        refusal.SqlState.ShouldBe(PostgresErrorCodes.CheckViolation);
        refusal.ConstraintName.ShouldBe(constraint);
    }

    [Theory]
    [InlineData("priority")]
    [InlineData("status")]
    public async Task A_queue_row_without_a_lane_or_a_status_is_refused(string column)
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann");
        var id = await _db.QueueAsync("ann");

        var refusal = await Should.ThrowAsync<PostgresException>(
            () => _db.ExecuteAsync($"UPDATE message_queue SET {column} = NULL WHERE id = @id", new { id }));

        refusal.SqlState.ShouldBe(PostgresErrorCodes.NotNullViolation);
    }

    [Fact]
    public async Task The_database_itself_refuses_to_hand_a_message_over_twice()
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann");
        var id = await _db.QueueAsync("ann");
        await _db.DispatchAsync();

        var refusal = await Should.ThrowAsync<PostgresException>(() => _db.ExecuteAsync(
            """
            INSERT INTO messages (id, conversation_id, user_id, role, content, direction)
            SELECT id, conversation_id, user_id, role, content, direction FROM messages WHERE id = @id
            """,
            new { id }));

        refusal.SqlState.ShouldBe(PostgresErrorCodes.UniqueViolation);
    }

    private Task<IReadOnlyList<string>> MigrateAsync() => new Migrator(_db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);

    private Task<IReadOnlyList<string>> TablesAsync() =>
        _db.QueryAsync<string>("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename");

    /// <summary>Everything in the schema, by catalogue and version of its row, and the rows of the queue: an unnecessary change shows too.</summary>
    private async Task<IReadOnlyList<string>> FingerprintAsync()
    {
        var queue = (await TablesAsync()).Contains("message_queue") ? await _db.QueryAsync<string>("SELECT q::text || q.xmin FROM message_queue q") : [];
        var schema = await _db.QueryAsync<string>(
            """
            SELECT 'relation ' || c.relname || c.xmin FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
            UNION ALL SELECT 'column ' || a.attrelid::regclass || a.attname || a.xmin FROM pg_attribute a
              JOIN pg_class c ON c.oid = a.attrelid WHERE c.relnamespace = 'public'::regnamespace
            UNION ALL SELECT 'constraint ' || n.conname || n.xmin FROM pg_constraint n WHERE n.connamespace = 'public'::regnamespace
            UNION ALL SELECT 'function ' || p.proname || p.xmin FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace
            UNION ALL SELECT 'type ' || t.typname || t.xmin FROM pg_type t WHERE t.typnamespace = 'public'::regnamespace
            ORDER BY 1
            """);
        return [.. schema, .. queue];
    }
}
