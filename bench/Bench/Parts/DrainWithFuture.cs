using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>Whether many more messages that wait for later slow the drain down.</summary>
internal static class DrainWithFuture
{
    public static async Task<PartResult> RunAsync(Stage stage)
    {
        await Drain.WarmUpAsync(stage.Server);
        const string without = "drain, nothing else waiting";
        var (due, waiting) = (stage.Options.Due, stage.Options.Waiting);
        var with = $", {waiting:#,0} waiting";
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
        {
            await using (var database = await stage.Server.CreateAsync(new Load(due)))
                samples.Add(without, Drain.Unit, due / await Drain.DispatchAsync(database, due));
            await Drain.MeasureAsync(stage, samples, due, waiting, with);
        }

        var ratio = Figure.Ratio($"drain{with}, the worse of before and after ANALYZE, to nothing else waiting", Drain.Worse(samples, with), samples[without]);
        return new PartResult([.. samples.Figures, .. Drain.RatiosToFloor(samples, with), ratio])
        {
            Goals = [Goal.AtLeast($"drain with {waiting:#,0} future rows, before and after ANALYZE", "at least 90 % of the drain without", ratio, 0.9)],
        };
    }
}
