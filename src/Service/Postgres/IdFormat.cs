using Dapper;
using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>
/// How the database spells user and conversation ids: uuid where it was adopted, opaque text otherwise. Statements need not know;
/// callers' ids are checked by it, so that one that cannot exist is unknown rather than an error of the database.
/// </summary>
public sealed class IdFormat
{
    private Format? _format;

    /// <summary>The format; the database is asked once.</summary>
    public async ValueTask<Format> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken) =>
        _format ??= new Format(await connection.ExecuteScalarAsync<bool>(
            new CommandDefinition(Sql.Query("ReadIdType"), cancellationToken: cancellationToken)));

    /// <summary>The spelling of ids in one database.</summary>
    /// <param name="IsUuid">Whether ids are uuids.</param>
    public sealed record Format(bool IsUuid)
    {
        /// <summary>The id as the database spells it; null where it cannot be one of this database.</summary>
        public string? Normalize(string id) => !IsUuid ? id : Guid.TryParse(id, out var uuid) ? uuid.ToString() : null;
    }
}
