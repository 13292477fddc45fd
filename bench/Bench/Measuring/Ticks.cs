using System.Diagnostics;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Measuring;

/// <summary>Times ticks that find nothing due.</summary>
internal static class Ticks
{
    private const int WarmUp = 50;

    /// <summary>The milliseconds that each took, after some that do not count.</summary>
    public static async Task<IReadOnlyList<double>> MeasureAsync(Database database, int count)
    {
        var dispatcher = database.NewDispatcher(Noon.StartClock());
        var times = new List<double>();
        for (var tick = 0; tick < WarmUp + count; tick++)
        {
            var started = Stopwatch.GetTimestamp();
            await dispatcher.RunOnceAsync(CancellationToken.None);
            if (tick >= WarmUp)
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        return times;
    }
}
