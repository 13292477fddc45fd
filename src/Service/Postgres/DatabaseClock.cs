using Dapper;
using NodaTime;
using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>
/// The clock of every decision. In production the database's, so that instances whose own clocks differ agree; tests set it.
/// </summary>
/// <param name="fixedTime">The time to tell instead; null in production.</param>
public sealed class DatabaseClock(Func<Instant>? fixedTime = null)
{
    /// <summary>The time now, given what the database's clock says.</summary>
    public Instant Of(Instant databaseTime) => fixedTime?.Invoke() ?? databaseTime;

    /// <summary>The time now. Read once for all that is decided together, and handed on as an argument.</summary>
    public async Task<Reading> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var databaseTime = await connection.QuerySingleAsync<Instant>(
            new CommandDefinition(Sql.Query("ReadClock"), cancellationToken: cancellationToken));
        return new Reading(Of(databaseTime), databaseTime);
    }

    /// <summary>One look at the clock.</summary>
    /// <param name="Now">The time that counts.</param>
    /// <param name="ReadAt">What the database's clock said; tells later how old the reading has become.</param>
    public readonly record struct Reading(Instant Now, Instant ReadAt);
}
