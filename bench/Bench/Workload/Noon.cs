using System.Diagnostics;
using NodaTime;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Bench.Workload;

/// <summary>
/// The time in which every run takes place: day in all zones of the workload, whatever the time is outside, and passing as
/// outside.
/// </summary>
internal static class Noon
{
    /// <summary>When every run begins: 14:00 in New York, 11:00 in Los Angeles.</summary>
    public static readonly Instant Start = Instant.FromUtc(2025, 10, 15, 18, 0);

    /// <summary>A clock that shows <see cref="Start"/> now.</summary>
    public static DatabaseClock StartClock()
    {
        var started = Stopwatch.GetTimestamp();
        return new DatabaseClock(() => Start + Duration.FromTimeSpan(Stopwatch.GetElapsedTime(started)));
    }
}
