using System.Globalization;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>Whether the drain becomes slower the more there is to drain, and whether its batches do while it lasts.</summary>
internal static class DrainSizes
{
    private const string Ours = "message-orchestrator";
    private const string Floor = "floor: one SQL statement a batch";

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        await Drain.WarmUpAsync(stage.Server);
        var due = stage.Options.Due;
        // 10,000 to 300,000 unless told otherwise.
        int[] sizes = [due / 6, due / 2, 5 * due / 3, 5 * due, .. stage.Options.Full ? [50 * due / 3] : Array.Empty<int>()];
        List<Samples> measured = [];
        IReadOnlyList<Series> batches = [];
        foreach (var size in sizes)
        {
            var samples = new Samples();
            for (var run = 0; run < stage.Options.Runs; run++)
                batches = await MeasureAsync(stage, size, samples);
            measured.Add(samples);
        }

        IReadOnlyList<string> names = [.. measured[0].Figures.Select(figure => figure.Name)];
        return new PartResult([])
        {
            Tables =
            [
                new Table(
                    "Median rates, jobs or messages a second:", ["due", .. names],
                    [.. sizes.Zip(measured, (size, samples) => (IReadOnlyList<string>)
                        [size.ToString("#,0", CultureInfo.InvariantCulture), .. names.Select(name => Figure.Format(samples[name].Median))])]),
            ],
            Plots =
            [
                new Plot(
                    "drain-by-size.svg", "Drain rate against queue size (median, before ANALYZE)",
                    new Axis("messages due at the start") { Powers = [.. sizes.Select(size => (double)size)] },
                    new Axis("messages per second"),
                    [.. names.Select(name => new Series(name, [.. sizes.Zip(measured, (size, samples) => ((double)size, samples[name].Median))]))]),
                new Plot(
                    "batch-latency.svg", $"Time of each batch of 1,000 in a drain of {sizes[^1]:#,0} by two dispatchers",
                    new Axis("seconds since the start"),
                    new Axis("milliseconds a batch"),
                    batches),
            ],
        };
    }

    /// <summary>Everything once.</summary>
    /// <returns>The batches of the service and of the floor.</returns>
    private static async Task<IReadOnlyList<Series>> MeasureAsync(Stage stage, int size, Samples samples)
    {
        BatchClock[] clocks = [new(), new()];
        await using (var database = await stage.Server.CreateAsync(new Load(size), analyzed: false))
            samples.Add(Ours, Drain.Unit, size / await Drain.DispatchAsync(database, size, [.. clocks.Select(clock => clock.Clock)]));

        IReadOnlyList<(double, double)> ofFloor;
        await using (var database = await stage.Server.CreateAsync(new Load(size), analyzed: false))
        {
            (var seconds, ofFloor) = await Drain.RunFloorAsync(database, size);
            samples.Add(Floor, Drain.Unit, size / seconds);
        }

        foreach (var peer in stage.Peers.All)
            samples.Add(peer.Name, Drain.Unit, await stage.Peers.DrainAsync(stage.Server, peer, size, analyzed: false));
        return [new Series(Ours, [.. clocks.SelectMany(clock => clock.Batches)]) { IsCloud = true }, new Series(Floor, ofFloor) { IsCloud = true }];
    }
}
