using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Dapper;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

/// <summary>Everything through a pooler in transaction mode, as hosted databases offer it: nothing may be left to a session.</summary>
public sealed class PoolerTests(PostgresServer server) : IAsyncLifetime
{
    private PgBouncer _pooler = null!;
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        await using var empty = await server.CreateEmptyAsync();
        _pooler = await PgBouncer.StartAsync(empty.ConnectionString);
        _db = new TestDatabase(_pooler.ConnectionString);
    }

    public async ValueTask DisposeAsync()
    {
        if (_db is not null)
            await _db.DisposeAsync();
        if (_pooler is not null)
            await _pooler.DisposeAsync();
    }

    [Fact]
    public async Task The_pooler_of_these_tests_leaves_a_client_no_session()
    {
        // Otherwise the tests below would prove nothing.
        await OccupyEveryServerConnectionAsync();
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);

        var backends = new HashSet<int>();
        for (var i = 0; i < PgBouncer.PoolSize; i++)
            backends.Add(await connection.ExecuteScalarAsync<int>("SELECT pg_backend_pid()"));

        backends.Count.ShouldBeGreaterThan(1);
        await Should.ThrowAsync<PostgresException>(async () =>
        {
            await using var command = new NpgsqlCommand("SELECT 1", connection);
            await command.PrepareAsync(TestContext.Current.CancellationToken);
            for (var i = 0; i < PgBouncer.PoolSize; i++)
                await command.ExecuteScalarAsync(TestContext.Current.CancellationToken);
        });
    }

    [Fact]
    public async Task Instances_that_start_at_once_apply_each_migration_once()
    {
        var instances = Enumerable.Range(0, 8).Select(_ => new TestDatabase(_pooler.ConnectionString)).ToList();

        var applied = await Task.WhenAll(instances.Select(instance =>
            Task.Run(() => new Migrator(instance.DataSource).MigrateAsync(TestContext.Current.CancellationToken))));

        applied.SelectMany(names => names).Order(StringComparer.Ordinal).ShouldBe(Sql.Migrations.Select(m => m.Key));
        foreach (var instance in instances)
            await instance.DisposeAsync();
    }

    [Fact]
    public async Task Requests_with_one_key_store_one_message()
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann");

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => _db.ScheduleAsync(Some.Request("ann"), key: "k1")));

        outcomes.Cast<ScheduleOutcome.Answered>().Select(answer => answer.Json).Distinct().Count().ShouldBe(1);
        outcomes.Cast<ScheduleOutcome.Answered>().Count(answer => !answer.Replayed).ShouldBe(1);
        (await _db.SingleAsync<long>("SELECT count(*) FROM message_queue")).ShouldBe(1);
    }

    [Fact]
    public async Task Of_urgent_messages_scheduled_at_once_each_user_gets_one_at_once()
    {
        await MigrateAsync();
        string[] users = [.. Enumerable.Range(0, 10).Select(i => $"user_{i}")];
        await _db.AddUsersAsync(users);

        var outcomes = await Task.WhenAll(users.Concat(users).Select(user => _db.ScheduleAsync(Some.Request(user) with { Lane = Lane.Urgent })));

        var statuses = outcomes.Cast<ScheduleOutcome.Answered>()
            .Select(answer => JsonDocument.Parse(answer.Json).RootElement.GetProperty("status").GetString()).ToList();
        (statuses.Count(status => status == "sent"), statuses.Count(status => status == "queued")).ShouldBe((10, 10));
        (await _db.QueryAsync<string>("SELECT user_id FROM messages ORDER BY user_id")).ShouldBe(users);
    }

    [Fact]
    public async Task Messages_of_one_topic_and_of_one_sequence_come_one_after_the_other()
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann", "bob");

        await Task.WhenAll(Enumerable.Range(1, 20).SelectMany(i => (Task[])[
            _db.ScheduleAsync(Some.Request("ann") with { Topic = "match" }),
            _db.ScheduleAsync(Some.Request("bob") with { Sequence = new SequencePlace("seq_1", i, 20), Lane = Lane.Urgent }),
        ]));

        (await _db.QueryAsync<(string, long)>("SELECT status, count(*) FROM message_queue WHERE user_id = 'ann' GROUP BY 1 ORDER BY 1"))
            .ShouldBe([("queued", 1), ("superseded", 19)]);
        (await _db.SingleAsync<(long, long)>("SELECT count(*), (SELECT sum(messages_sent) FROM user_message_budget) FROM messages WHERE user_id = 'bob'"))
            .ShouldBe((20, 1));
    }

    [Fact]
    public async Task Dispatchers_in_greater_number_than_server_connections_deliver_each_message_once()
    {
        const int messages = 600;
        await MigrateAsync();
        _db.Settings = _db.Settings with { BatchSize = 20 };
        await _db.ExecuteAsync(
            """
            INSERT INTO users (id, phone_number, timezone) SELECT 'user_' || n, '+15555550100', 'America/New_York' FROM generate_series(1, @messages) AS n;
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, created_at)
            SELECT 'user_' || n, 'concierge', '{"content": "Hello"}', @Now, (ARRAY['urgent', 'high', 'medium', 'low'])[1 + n % 4], @Now
            FROM generate_series(1, @messages) AS n
            """,
            new { messages, _db.Now });
        // The low lane is put off while the queue is busy, which it is.
        _db.Settings = _db.Settings with { Rules = _db.Settings.Rules with { BusyAbove = messages } };

        var results = await Task.WhenAll(Enumerable.Range(0, PgBouncer.PoolSize + 3).Select(_ => Task.Run(_db.DispatchAsync)));

        results.Aggregate((left, right) => left + right).ShouldBe(new DispatchResult(messages, 0, 0, 0));
        results.Count(result => result.Delivered > 0).ShouldBeGreaterThan(1);
        (await _db.SingleAsync<long>("SELECT count(*) FROM message_queue q JOIN messages m ON m.id = q.delivered_message_id WHERE q.status = 'sent'"))
            .ShouldBe(messages);
        (await _db.SingleAsync<long>("SELECT count(*) FROM messages")).ShouldBe(messages);
        (await _db.SingleAsync<long>("SELECT sum(messages_sent) FROM user_message_budget")).ShouldBe(messages);
        (await _db.SingleAsync<decimal>("SELECT sum(delivered) FROM dispatchers")).ShouldBe(messages);
    }

    [Fact]
    public async Task A_message_that_is_refused_fails_alone()
    {
        await MigrateAsync();
        await _db.AddUsersAsync("ann", "bob", "cyd");
        foreach (var user in (string[])["ann", "bob", "cyd"])
            await _db.QueueAsync(user);
        await _db.ExecuteAsync("ALTER TABLE messages ADD CHECK (user_id <> 'bob')");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(Delivered: 2, Deferred: 0, Expired: 0, Failed: 1));
    }

    [Fact]
    public async Task Users_are_created_changed_and_told_of()
    {
        await new Migrator(_db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);

        var outcomes = await Task.WhenAll(Enumerable.Range(1, 8).Select(i => _db.NewUserStore().PutAsync(
            "ann", new() { PhoneNumber = "+12125550123", DailyLimit = i }, TestContext.Current.CancellationToken)));

        outcomes.Count(o => o.Created).ShouldBe(1);
        var report = (await _db.NewUserReports().ReadAsync("ann", TestContext.Current.CancellationToken)).ShouldNotBeNull();
        report.NextFreeSlot["high"].At.ShouldBe(_db.Now);
    }

    [Fact]
    public async Task The_whole_service_starts_schedules_dispatches_and_tells_its_health_over_HTTP()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services
            .AddSingleton(new DatabaseClock(() => _db.Now))
            .AddOrchestrator(_db.Settings with { ConnectionString = _pooler.ConnectionString, WakesBetweenTicks = false });
        await using var app = builder.Build();
        app.MapPost("/schedule-message", (SchedulingEndpoint endpoint, HttpRequest request, CancellationToken ct) => endpoint.ScheduleAsync(request, ct));
        app.MapPost("/process-queue", (QueueEndpoint endpoint, HttpRequest request, CancellationToken ct) => endpoint.ProcessAsync(request, ct));
        app.MapGet("/health", (HealthEndpoint endpoint, HttpRequest request, CancellationToken ct) => endpoint.CheckAsync(request, ct));
        await app.StartAsync(TestContext.Current.CancellationToken);
        await app.Services.GetRequiredService<DatabaseReadiness>().WhenReadyAsync(TestContext.Current.CancellationToken)
            .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        using var client = new HttpClient { BaseAddress = new Uri(app.Urls.Single()) };
        await _db.AddUsersAsync("ann");

        var queued = await PostAsync("schedule-message", """{"userId": "ann", "agentId": "concierge", "messageData": {"content": "Hello"}}""");
        queued.GetProperty("status").GetString().ShouldBe("queued");
        (await HealthAsync()).GetProperty("messagesQueued").GetInt64().ShouldBe(1);

        (await PostAsync("process-queue", "{}")).GetProperty("delivered").GetInt32().ShouldBe(1);
        var health = await HealthAsync();
        health.GetProperty("messagesQueued").GetInt64().ShouldBe(0);
        health.GetProperty("messagesProcessed").GetInt64().ShouldBe(1);
        health.GetProperty("processorRunning").GetBoolean().ShouldBeTrue();

        async Task<JsonElement> PostAsync(string path, string json)
        {
            using var content = new StringContent(json, System.Text.Encoding.UTF8, "application/json");
            using var response = await client.PostAsync(new Uri(path, UriKind.Relative), content, TestContext.Current.CancellationToken);
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            return await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        }

        async Task<JsonElement> HealthAsync()
        {
            using var response = await client.GetAsync(new Uri("health", UriKind.Relative), TestContext.Current.CancellationToken);
            response.StatusCode.ShouldBe(HttpStatusCode.OK);
            return (await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken)).GetProperty("stats");
        }
    }

    private Task<IReadOnlyList<string>> MigrateAsync() => new Migrator(_db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);

    /// <summary>Makes the pooler open all of its server connections, by as many transactions at once.</summary>
    private async Task OccupyEveryServerConnectionAsync()
    {
        var connections = new List<NpgsqlConnection>();
        for (var i = 0; i < PgBouncer.PoolSize; i++)
        {
            var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
            await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
            await connection.ExecuteAsync("SELECT 1");
            connections.Add(connection);
        }

        // What is not committed is rolled back.
        foreach (var connection in connections)
            await connection.DisposeAsync();
    }
}
