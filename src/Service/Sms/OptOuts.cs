using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Sms;

/// <summary>Sets and clears the opt-out of people, and calls off what waits for those who opt out.</summary>
public sealed class OptOuts(NpgsqlDataSource database, DatabaseClock clock, ILogger<OptOuts> logger)
{
    /// <summary>Opts the user out and cancels everything that waits for them and that no request has gone out for.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach; nothing has changed.</exception>
    public async Task OptOutAsync(string userId, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await LockAsync(connection, transaction, [userId], cancellationToken);
        var cancelled = await OptOutAsync(connection, transaction, [userId], key: null, cancellationToken);
        await transaction.CommitAsync(cancellationToken);
        Log.UserOptedOut(logger, userId, cancelled);
    }

    /// <summary>
    /// Waits until no dispatch holds the users. Whatever it handed over is committed then, and the statements that follow see it.
    /// </summary>
    internal static Task LockAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<string> userIds, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, transaction, "LockUsers", new { userIds = userIds.ToArray() }, cancellationToken);

    /// <summary>The opt-out of locked users, as a part of somebody's transaction.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="transaction">The transaction.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="key">The name of the key that asked for it; null: the user did, or the key has none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>How many messages were cancelled.</returns>
    internal async Task<int> OptOutAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<string> userIds, string? key, CancellationToken cancellationToken)
    {
        await ExecuteAsync(connection, transaction, "SetOptOut", new { userIds = userIds.ToArray(), optedOut = true }, cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        return await connection.ExecuteScalarAsync<int>(new CommandDefinition(
            Sql.Query("CancelWaiting"), new { userIds = userIds.ToArray(), key, now }, transaction, cancellationToken: cancellationToken));
    }

    /// <summary>Lets locked users be written to again, as a part of somebody's transaction.</summary>
    internal static Task OptInAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<string> userIds, CancellationToken cancellationToken) =>
        ExecuteAsync(connection, transaction, "SetOptOut", new { userIds = userIds.ToArray(), optedOut = false }, cancellationToken);

    private static Task<int> ExecuteAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, string statement, object parameters, CancellationToken cancellationToken) =>
        connection.ExecuteAsync(new CommandDefinition(Sql.Query(statement), parameters, transaction, cancellationToken: cancellationToken));
}
