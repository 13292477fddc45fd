using Dapper;
using Npgsql;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Upkeep;

/// <summary>
/// Deletes messages that left the queue long ago, with their trail, in small steps. Any number of instances may do so at once: each takes
/// rows that no other holds. What was said to people, in <c>messages</c>, stays.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="clock">The clock of every decision.</param>
/// <param name="settings">How long finished messages are kept.</param>
public sealed class Pruner(NpgsqlDataSource database, DatabaseClock clock, Settings settings)
{
    /// <summary>How many messages one step deletes: a transaction of some tens of milliseconds.</summary>
    public const int StepSize = 500;

    /// <summary>Does one step.</summary>
    /// <returns>How many messages were deleted; less than <see cref="StepSize"/>: nothing is left to do for now.</returns>
    /// <exception cref="NpgsqlException">The database is out of reach, or refuses: nothing of the step is done.</exception>
    public async Task<int> RunOnceAsync(CancellationToken cancellationToken)
    {
        if (settings.Retention is not { } retention)
            return 0;

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            Sql.Batch("BoundTransaction", "PlanByIndex"), new { lockTimeout = "1s" }, transaction, cancellationToken: cancellationToken));
        var before = (await clock.ReadAsync(connection, cancellationToken)).Now - retention;
        var pruned = await connection.QuerySingleAsync<int>(new CommandDefinition(
            Sql.Query("PruneMessages"), new { before, firstDay = before.InUtc().Date, limit = StepSize }, transaction, cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        return pruned;
    }
}
