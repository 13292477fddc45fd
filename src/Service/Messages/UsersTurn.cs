using Dapper;
using Npgsql;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Messages;

/// <summary>
/// A transaction in the turn of a message's user: no dispatch decides for that user meanwhile, and what one has decided before is seen.
/// It waits up to 5 seconds for the turn.
/// </summary>
internal sealed class UsersTurn : IAsyncDisposable
{
    private readonly NpgsqlTransaction _transaction;
    private readonly CancellationToken _cancellationToken;

    private UsersTurn(NpgsqlConnection connection, NpgsqlTransaction transaction, string userId, CancellationToken cancellationToken) =>
        (Connection, _transaction, UserId, _cancellationToken) = (connection, transaction, userId, cancellationToken);

    public NpgsqlConnection Connection { get; }

    public string UserId { get; }

    /// <summary>Takes the turn of the user whose the message is; null: there is no such message.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach, or somebody else holds the user for too long.</exception>
    public static async Task<UsersTurn?> TakeAsync(NpgsqlDataSource database, Guid messageId, CancellationToken cancellationToken)
    {
        var connection = await database.OpenConnectionAsync(cancellationToken);
        try
        {
            if (await connection.QuerySingleOrDefaultAsync<string>(new CommandDefinition(
                Sql.Query("FindOwner"), new { id = messageId }, cancellationToken: cancellationToken)) is not { } userId)
            {
                await connection.DisposeAsync();
                return null;
            }

            var transaction = await connection.BeginTransactionAsync(cancellationToken);
            await connection.ExecuteAsync(new CommandDefinition(
                Sql.Batch("BoundTransaction", "PlanByIndex", "LockUser"), new { lockTimeout = "5s", userId }, transaction, cancellationToken: cancellationToken));
            return new UsersTurn(connection, transaction, userId, cancellationToken);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string statement, object parameters) => (await Connection.QueryAsync<T>(
        new CommandDefinition(Sql.Query(statement), parameters, _transaction, cancellationToken: _cancellationToken))).AsList();

    public Task CommitAsync() => _transaction.CommitAsync(_cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _transaction.DisposeAsync();
        await Connection.DisposeAsync();
    }
}
