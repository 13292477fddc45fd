using System.Diagnostics;
using Dapper;
using Npgsql;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Telemetry;

/// <summary>
/// Which trace each message belongs to. What becomes of it later, in other transactions and processes, continues that trace. They have
/// a table of their own, which nothing writes to or reads from while nobody listens.
/// </summary>
internal static class MessageTraces
{
    private static readonly Dictionary<Guid, ActivityContext> None = [];

    /// <summary>The statements that queue messages, and what belongs to them, in one round trip and one transaction.</summary>
    /// <param name="inserts">The names of the statements that store the messages themselves.</param>
    /// <param name="areHeld">Whether a rule holds any of them back from the first.</param>
    /// <param name="requests">What is asked for: with the names of keys, and the traces, that are to be kept.</param>
    public static string StatementsFor(IEnumerable<string> inserts, bool areHeld, IEnumerable<ScheduleRequest> requests)
    {
        var (haveNames, haveTraces) = (false, false);
        foreach (var request in requests)
        {
            haveNames |= request.ScheduledBy is not null;
            haveTraces |= request.Traceparent is not null;
        }

        List<string> statements = [.. inserts];
        if (areHeld)
            statements.Add("LogHeld");
        if (haveNames)
            statements.Add("LogQueued");
        if (haveTraces)
            statements.Add("KeepTraces");
        return Sql.Batch(statements);
    }

    /// <summary>The traces of those messages that have one; empty while nobody listens.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    public static async Task<IReadOnlyDictionary<Guid, ActivityContext>> LoadAsync(
        NpgsqlConnection connection, Guid[] ids, CancellationToken cancellationToken)
    {
        if (!Tracing.IsOn || ids.Length == 0)
            return None;

        var rows = await connection.QueryAsync<Row>(new CommandDefinition(Sql.Query("LoadTraces"), new { ids }, cancellationToken: cancellationToken));
        var traces = new Dictionary<Guid, ActivityContext>();
        foreach (var row in rows)
        {
            if (ActivityContext.TryParse(row.Traceparent, traceState: null, isRemote: true, out var trace))
                traces[row.MessageId] = trace;
        }

        return traces;
    }

    private sealed record Row
    {
        public Guid MessageId { get; init; }

        public required string Traceparent { get; init; }
    }
}
