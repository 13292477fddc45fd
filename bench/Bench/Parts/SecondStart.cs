using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>How long the embedded host takes, with a PostgreSQL of its own, until <c>/health</c> answers 200.</summary>
internal static class SecondStart
{
    public static async Task<PartResult> RunAsync(Stage stage)
    {
        const string first = "first start, the database is made";
        const string second = "second start";
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
        {
            using var folder = new TemporaryFolder();
            foreach (var name in new[] { first, second })
            {
                await using var host = await EmbeddedProcess.StartAsync(("Orchestrator__DataFolder", folder.Path));
                samples.Add(name, "s", host.StartedWithin.TotalSeconds);
            }
        }

        return new PartResult(samples.Figures)
        {
            Goals = [Goal.AtMost("embedded host, second start, to the first 200 on /health", "under 3 s", samples[second], 3)],
        };
    }
}
