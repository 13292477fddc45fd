using System.Diagnostics;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>What a tick costs that finds nothing due.</summary>
internal static class IdleTick
{
    private const int WarmUp = 50;
    private const int Ticks = 300;

    public static async Task<IReadOnlyList<Figure>> RunAsync(Server server, Options options)
    {
        const int users = 1000;
        List<double> empty = [], waiting = [], slowest = [];
        for (var run = 0; run < options.Runs; run++)
        {
            empty.Add(Figure.Percentile(await MeasureAsync(server, new Load(users, AreDue: false)), 0.5));
            var times = await MeasureAsync(server, new Load(users, AreDue: false, Waiting: options.Waiting));
            waiting.Add(Figure.Percentile(times, 0.5));
            slowest.Add(Figure.Percentile(times, 0.99));
        }

        var without = new Figure("idle tick, empty queue", "ms", empty);
        var with = new Figure($"idle tick, {options.Waiting:#,0} waiting", "ms", waiting);
        return [without, with, new Figure($"idle tick, {options.Waiting:#,0} waiting, p99", "ms", slowest),
            Figure.Ratio("idle tick, waiting to empty", with, without)];
    }

    private static async Task<IReadOnlyList<double>> MeasureAsync(Server server, Load load)
    {
        await using var database = await server.CreateAsync(load);
        var dispatcher = database.NewDispatcher(Noon.StartClock());
        var times = new List<double>();
        for (var tick = 0; tick < WarmUp + Ticks; tick++)
        {
            var started = Stopwatch.GetTimestamp();
            await dispatcher.RunOnceAsync(CancellationToken.None);
            if (tick >= WarmUp)
                times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        return times;
    }
}
