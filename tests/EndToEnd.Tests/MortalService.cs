using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Embedded.Postgres;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>A service on a PostgreSQL that is nobody else's, and may be killed.</summary>
public sealed class MortalService(PostgresServer server) : RunningService(server)
{
    private readonly TemporaryFolder _folder = new();

    public EmbeddedPostgres Postgres { get; private set; } = null!;

    protected override async Task StopAsync()
    {
        await base.StopAsync();
        if (Postgres is not null)
            await Postgres.DisposeAsync();
        _folder.Dispose();
    }

    protected override async Task<string> CreateDatabaseAsync()
    {
        Postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = _folder.Path }, NullLogger.Instance, TestContext.Current.CancellationToken);
        return Postgres.ConnectionString;
    }
}
