using Dapper;
using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>
/// Brings the database to the newest shape. Own code rather than a library's: several instances start at once, behind a pooler
/// that keeps no session, so each migration must take the lock, look and record within one transaction.
/// </summary>
/// <param name="database">The database.</param>
public sealed class Migrator(NpgsqlDataSource database)
{
    /// <summary>"orch" in ASCII: the advisory lock that migrating instances queue for.</summary>
    private const long MigrationLock = 0x6f726368;

    private const string CreateJournal =
        "CREATE TABLE IF NOT EXISTS orchestrator_migrations (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())";

    /// <summary>Applies what is missing, one transaction a migration; another instance doing the same is waited for.</summary>
    /// <returns>The names of the migrations that this call applied.</returns>
    public async Task<IReadOnlyList<string>> MigrateAsync(CancellationToken cancellationToken)
    {
        var applied = new List<string>();
        foreach (var (name, script) in Sql.Migrations)
        {
            // One that breaks while a transaction is given up says nothing, and takes no further one.
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await Run("SELECT pg_advisory_xact_lock(@MigrationLock)", new { MigrationLock });
            await Run(CreateJournal);
            if (await connection.ExecuteScalarAsync<bool>(
                    "SELECT EXISTS (SELECT FROM orchestrator_migrations WHERE name = @name)", new { name }, transaction))
            {
                continue;
            }

            await Run(script);
            await Run("INSERT INTO orchestrator_migrations (name) VALUES (@name)", new { name });
            await transaction.CommitAsync(cancellationToken);
            applied.Add(name);

            // Indexes on an adopted table of millions of rows take their time.
            Task<int> Run(string sql, object? parameters = null) => connection.ExecuteAsync(
                new CommandDefinition(sql, parameters, transaction, commandTimeout: 600, cancellationToken: cancellationToken));
        }

        return applied;
    }

    /// <summary>Gathers the rows of instances long gone, so that the sums over all of them stay cheap.</summary>
    public async Task RetireDispatchersAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(Sql.Query("RetireDispatchers"), cancellationToken: cancellationToken));
    }
}
