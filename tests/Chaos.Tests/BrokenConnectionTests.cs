using System.Net;
using Npgsql;
using Orchestrator.Chaos.Tests.Faults;
using Orchestrator.EndToEnd.Tests;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Chaos.Tests;

/// <summary>What a run of the harness has once found, each as a test of its own that always meets it.</summary>
public sealed class BrokenConnectionTests(PostgresServer server)
{
    [Fact]
    public async Task A_connection_that_breaks_between_two_migrations_does_not_end_the_process()
    {
        var database = new NpgsqlConnectionStringBuilder(await server.CreateDatabaseAsync());
        var scissors = new CutsTheFirst("ROLLBACK"u8.ToArray());
        await using var proxy = new TcpProxy(scissors, new IPEndPoint(IPAddress.Loopback, database.Port));
        (database.Port, database.Pooling) = (proxy.Port, true);
        await using var behindProxy = NpgsqlDataSource.Create(database.ConnectionString);

        // The fault lies in giving a transaction up, which says nothing of it: the next migration must not go by that connection.
        (await new Migrator(behindProxy).MigrateAsync(TestContext.Current.CancellationToken)).ShouldBeEmpty();

        scissors.HasCut.ShouldBeTrue();
    }

    private sealed class CutsTheFirst(byte[] word) : Scissors(seed: 0, perChunk: 0, perCommit: 0)
    {
        public bool HasCut { get; private set; }

        public override Cut OfRequest(ReadOnlySpan<byte> sent)
        {
            if (HasCut || sent.IndexOf(word) < 0)
                return Cut.None;
            HasCut = true;
            return Cut.BeforeAnswer;
        }
    }
}
