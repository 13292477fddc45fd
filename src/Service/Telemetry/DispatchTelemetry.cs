using System.Diagnostics;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Telemetry;

/// <summary>Tells of batches, once they are committed: what was decided, how late, in what time; and continues the traces of their messages.</summary>
internal static class DispatchTelemetry
{
    /// <summary>The SDK keeps no more than so many links of one span.</summary>
    private const int MostLinks = 128;

    /// <summary>Tells of a batch. Never throws, save when given up: it is committed, and only the traces are lost.</summary>
    /// <param name="connection">Where the traces of the messages are read.</param>
    /// <param name="decided">What was decided.</param>
    /// <param name="claimed">How many messages were claimed.</param>
    /// <param name="started">When the batch began, as <see cref="Stopwatch.GetTimestamp"/> tells it.</param>
    /// <param name="now">The time it was decided for.</param>
    /// <param name="logger">Where a fault is told.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    public static async ValueTask CommittedAsync(
        NpgsqlConnection connection, IReadOnlyList<Decided> decided, int claimed, long started, Instant now, ILogger logger, CancellationToken cancellationToken)
    {
        if (claimed == 0)
            return;

        var took = Stopwatch.GetElapsedTime(started);
        Instruments.BatchDuration.Record(took.TotalSeconds);
        Instruments.BatchSize.Record(claimed);
        Count(decided, now);
        if (!Tracing.IsOn)
            return;

        try
        {
            var ids = decided.SelectMany(d => d.Message.All).Select(m => m.Id).ToArray();
            Trace(decided, await MessageTraces.LoadAsync(connection, ids, cancellationToken), DateTimeOffset.UtcNow - took);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.FiguresNotRecorded(logger, DatabaseErrors.Describe(e));
        }
    }

    /// <summary>Counts decisions, and the lag of those that were handed over.</summary>
    public static void Count(IReadOnlyList<Decided> decided, Instant now)
    {
        if (Instruments.DueLag.Enabled)
        {
            foreach (var message in decided.Where(d => d.Decision is Decision.Deliver).SelectMany(d => d.Message.All))
            {
                Instruments.DueLag.Record(
                    Math.Max(0, (now - message.ScheduledFor).TotalSeconds), new KeyValuePair<string, object?>(Instruments.Lane, message.Priority));
            }
        }

        if (!Instruments.Decisions.Enabled)
            return;

        foreach (var alike in decided.SelectMany(d => d.Message.All, (d, m) => (m.Priority, d.Decision)).CountBy(d => (d.Priority, NameOf(d.Decision))))
        {
            var (lane, (decision, reason)) = alike.Key;
            Instruments.Decisions.Add(
                alike.Value, new(Instruments.Lane, lane), new(Instruments.Decision, decision), new(Instruments.Reason, reason));
        }
    }

    /// <summary>
    /// One span for the batch, with links to the traces of its messages, and one for each message, which continues its own. They are made after
    /// the commit: a batch that found nothing, or was rolled back, leaves none.
    /// </summary>
    private static void Trace(IReadOnlyList<Decided> decided, IReadOnlyDictionary<Guid, ActivityContext> traces, DateTimeOffset begun)
    {
        using var batch = Tracing.Source.StartActivity(
            ActivityKind.Consumer, default, [new("messaging.batch.message_count", decided.Sum(d => d.Message.All.Count))],
            traces.Values.Distinct().Take(MostLinks).Select(trace => new ActivityLink(trace)), begun, "dispatch batch");
        foreach (var (message, decision) in decided.SelectMany(d => d.Message.All, (d, m) => (m, d.Decision)))
        {
            if (!traces.TryGetValue(message.Id, out var trace))
                continue;

            var (name, reason) = NameOf(decision);
            ActivityLink[] links = batch is null ? [] : [new(batch.Context)];
            using var span = Tracing.Source.StartActivity(
                ActivityKind.Consumer, trace,
                [new(Tracing.MessageId, message.Id.ToString()), new(Instruments.Lane, message.Priority), new(Instruments.Decision, name), new(Instruments.Reason, reason)],
                links, begun, "dispatch");
        }
    }

    private static (string Name, string Reason) NameOf(Decision decision) => decision switch
    {
        Decision.Deliver => ("delivered", Reasons.Delivered),
        Decision.Defer defer => ("deferred", defer.By.Code()),
        Decision.Render => ("rendering", Reasons.Rendering),
        Decision.Expire => ("expired", Reasons.Expired),
        Decision.Fail fail => ("failed", fail.Because.Code()),
        Decision.Cancel => ("cancelled", Reasons.SequenceBroken),
        _ => throw new InvalidOperationException($"Unknown decision {decision}."),
    };
}
