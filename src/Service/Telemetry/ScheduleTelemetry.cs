using System.Diagnostics;
using Orchestrator.Core;

namespace Orchestrator.Service.Telemetry;

/// <summary>Tells of messages that were queued.</summary>
internal static class ScheduleTelemetry
{
    /// <summary>Counts messages that are stored; the request's span names the one that it queued.</summary>
    public static void Queued(IReadOnlyList<Guid> ids, Lane lane)
    {
        Count(ids.Count, lane);
        if (ids.Count == 1 && Tracing.IsOn)
            Activity.Current?.SetTag(Tracing.MessageId, ids[0].ToString());
    }

    /// <summary>Counts messages that are stored.</summary>
    public static void Count(int messages, Lane lane)
    {
        if (Instruments.Scheduled.Enabled)
            Instruments.Scheduled.Add(messages, new KeyValuePair<string, object?>(Instruments.Lane, lane.Name()));
    }
}
