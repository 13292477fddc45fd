using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>What a tick costs that finds nothing due.</summary>
internal static class IdleTick
{
    private const int Count = 300;
    private const int Waiting = 10_000_000;

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        const string empty = "idle tick, empty queue";
        var waiting = $"idle tick, {Waiting:#,0} waiting";
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
        {
            await using (var database = await stage.Server.CreateAsync(new Load(Users: 1000, AreDue: false)))
                samples.Add(empty, "ms", Figure.Percentile(await Ticks.MeasureAsync(database, Count), 0.5));
            await using (var database = await stage.Server.CreateAsync(Growth.LoadOf(Waiting)))
            {
                var times = await Ticks.MeasureAsync(database, Count);
                samples.Add(waiting, "ms", Figure.Percentile(times, 0.5));
                samples.Add($"{waiting}, p99", "ms", Figure.Percentile(times, 0.99));
            }
        }

        var ratio = Figure.Ratio("idle tick, waiting to empty", samples[waiting], samples[empty]);
        return new PartResult([.. samples.Figures, ratio])
        {
            Goals =
            [
                Goal.AtMost($"tick with nothing due, {Waiting:#,0} waiting", "under 5 ms", samples[waiting], 5),
                Goal.AtMost($"tick with nothing due, {Waiting:#,0} waiting", "within 1.2 × of the same with an empty table", ratio, 1.2),
            ],
        };
    }
}
