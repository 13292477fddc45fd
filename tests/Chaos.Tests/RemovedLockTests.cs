using Dapper;
using Npgsql;
using Orchestrator.Chaos.Tests.Checking;
using Orchestrator.Chaos.Tests.Load;
using Orchestrator.Chaos.Tests.Mutation;
using Orchestrator.EndToEnd.Tests;

namespace Orchestrator.Chaos.Tests;

/// <summary>Whether the harness would notice: the same service without one of its locks, under load that is aimed at the gap.</summary>
public sealed class RemovedLockTests(PostgresServer server, ITestOutputHelper output)
{
    private const int People = 40;

    private const int MessagesEach = 4;

    /// <summary>What makes a dispatch take a user for itself.</summary>
    private const string LockOfTheUser = "FOR NO KEY UPDATE SKIP LOCKED";

    [Fact]
    public async Task Without_the_lock_on_the_user_two_deliveries_within_30_seconds_are_found()
    {
        using var build = new MutatedBuild(LockOfTheUser);
        build.Places.ShouldBe(3, "every claim of a dispatch takes the lock");

        var breaches = await RunAsync(build);

        breaches.ShouldContain(b => b.Promise == "ThirtySecondsApart");
        output.WriteLine(string.Join('\n', breaches));
    }

    [Fact]
    public async Task With_it_nothing_is_found_under_the_same_load()
    {
        using var build = new MutatedBuild(blanked: null);

        (await RunAsync(build)).ShouldBeEmpty();
    }

    /// <summary>Several messages for each of many people are due at one moment, and two instances that take two at a time set about them.</summary>
    private async Task<IReadOnlyList<Breach>> RunAsync(MutatedBuild build)
    {
        var database = await server.CreateDatabaseAsync();
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync();
        await connection.ExecuteAsync(
            "INSERT INTO users (id, phone_number, timezone) SELECT 'racer_' || i, '+1212' || (2000000 + i), 'UTC' FROM generate_series(1, @People) AS i",
            new { People });
        (string, string)[] settings =
        [
            ("DATABASE_URL", database),
            ("PROCESS_QUEUE_SCHEDULE", "* * * * * *"),
            ("SMS_DELIVERY", "external"),
            ("Orchestrator__QuietHoursStart", "00:00"),
            ("Orchestrator__QuietHoursEnd", "00:00"),
            ("Orchestrator__BatchSize", "2"),
        ];
        var hosts = await Task.WhenAll(Enumerable.Range(0, 2).Select(_ => EmbeddedHost.StartAsync(settings, build: build.Folder)));
        var ledger = new Ledger();
        try
        {
            await QueueAsync(connection, ledger);
            await Eventually.HoldsAsync(
                async () => await connection.QuerySingleAsync<int>("SELECT count(DISTINCT user_id)::int FROM messages") == People,
                "everybody has got a message");
        }
        finally
        {
            await Task.WhenAll(hosts.Select(h => h.DisposeAsync().AsTask()));
        }

        var checker = new Checker(connection);
        await checker.PrepareAsync();
        await checker.TakeAsync(ledger, []);
        // Nobody sends here, so what was handed over stays pending.
        return [.. (await checker.FindAllAsync(await checker.ReadClockAsync())).Where(b => b.Promise != "NothingIsStuck")];
    }

    /// <summary>Queued as other programs do it, in one statement, because the service would give each of one person's messages a slot of its own.</summary>
    private static async Task QueueAsync(NpgsqlConnection connection, Ledger ledger)
    {
        var orders = Enumerable.Range(1, People)
            .SelectMany(person => Enumerable.Range(0, MessagesEach).Select(_ => new Order(ledger.NextReference(), $"racer_{person}"))).ToList();
        orders.ForEach(ledger.Add);
        await connection.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, can_delay)
            SELECT user_id, 'chaos_agent', jsonb_build_object('content', 'Message ' || reference, 'reference', reference), now(), 'high', false
            FROM unnest(@users, @references) AS o (user_id, reference)
            """,
            new { users = orders.ConvertAll(o => o.UserId), references = orders.ConvertAll(o => o.Reference) });
    }
}
