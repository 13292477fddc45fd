using Npgsql;
using Orchestrator.Chaos.Tests.Checking;
using Orchestrator.EndToEnd.Tests;

namespace Orchestrator.Chaos.Tests;

/// <summary>A database and a checker of it, for tests that each begin and give up a transaction.</summary>
public sealed class CheckerDatabase(PostgresServer server) : IAsyncLifetime
{
    public NpgsqlConnection Connection { get; private set; } = null!;

    public Checker Checker { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Connection = new NpgsqlConnection(await server.CreateDatabaseAsync());
        await Connection.OpenAsync();
        Checker = new Checker(Connection);
        await Checker.PrepareAsync();
    }

    public ValueTask DisposeAsync() => Connection.DisposeAsync();
}
