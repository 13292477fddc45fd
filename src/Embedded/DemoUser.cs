using Dapper;
using Npgsql;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Embedded;

/// <summary>Adds the user of the README's first request; only ever to the database that this host has started itself.</summary>
internal sealed class DemoUser(NpgsqlDataSource database, DatabaseReadiness readiness) : BackgroundService
{
    private const string Insert =
        """
        INSERT INTO users (id, phone_number, first_name, timezone) VALUES ('user_123', '+15555550123', 'Demo', 'America/New_York')
        ON CONFLICT (id) DO NOTHING;
        INSERT INTO conversations (id, user_id, phone_number) VALUES ('conv_789', 'user_123', '+15555550123')
        ON CONFLICT (id) DO NOTHING
        """;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await readiness.WhenReadyAsync(stoppingToken);
        await using var connection = await database.OpenConnectionAsync(stoppingToken);
        await connection.ExecuteAsync(new CommandDefinition(Insert, cancellationToken: stoppingToken));
    }
}
