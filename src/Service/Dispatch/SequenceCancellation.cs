using Dapper;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Dispatch;

/// <summary>For whoever ends single messages: a sequence of which a part is gone is not delivered.</summary>
internal static class SequenceCancellation
{
    /// <summary>
    /// Calls off what still waits of the sequences of messages that have ended without being delivered. Run it in the transaction that
    /// has ended them, after LockUser; where nobody does, the next dispatch that comes to the sequence calls it off.
    /// </summary>
    /// <returns>The ids of the messages called off.</returns>
    public static async Task<IReadOnlyList<Guid>> CancelRestAsync(
        NpgsqlConnection connection, Guid[] ended, Instant now, CancellationToken cancellationToken) =>
        (await connection.QueryAsync<Guid>(new CommandDefinition(
            Sql.Query("CancelRest"),
            new { ids = ended, code = Reasons.SequenceBroken, sentence = Reasons.SequenceBrokenSentence, now },
            cancellationToken: cancellationToken))).AsList();
}
