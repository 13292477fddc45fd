using Dapper;
using Npgsql;

namespace Orchestrator.Embedded;

/// <summary>Adds the user of the README's first request; only ever to the database that this host has started itself.</summary>
internal static class DemoUser
{
    private const string Insert =
        """
        INSERT INTO users (id, phone_number, first_name, timezone) VALUES ('user_123', '+15555550123', 'Demo', 'America/New_York')
        ON CONFLICT (id) DO NOTHING;
        INSERT INTO conversations (id, user_id, phone_number) VALUES ('conv_789', 'user_123', '+15555550123')
        ON CONFLICT (id) DO NOTHING
        """;

    public static async Task AddAsync(NpgsqlDataSource database, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(Insert, cancellationToken: cancellationToken));
    }
}
