using NodaTime;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>Whether one user with very many messages delays everybody else.</summary>
internal static class OneHeavyUser
{
    private const int Others = 50_000;
    private const int OfHeavy = 100_000;

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        await Drain.WarmUpAsync(stage.Server);
        var alone = $"{Others:#,0} others delivered, no heavy user";
        var beside = $"{Others:#,0} others delivered, beside a user with {OfHeavy:#,0} due";
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
        {
            await using (var database = await stage.Server.CreateAsync(new Load(Others)))
            {
                await Drain.DispatchAsync(database, Others);
                samples.Add(alone, "s", await SecondsToLastOfOthersAsync(database));
            }

            await using (var database = await stage.Server.CreateAsync(new Load(Others, Heavy: OfHeavy)))
            {
                var whole = await Drain.DispatchAsync(database, Others + 1);
                samples.Add(beside, "s", await SecondsToLastOfOthersAsync(database));
                samples.Add("until nothing is due", "s", whole);
            }
        }

        var ratio = Figure.Ratio("beside the heavy user, to without", samples[beside], samples[alone]);
        return new PartResult([.. samples.Figures, ratio])
        {
            Goals = [Goal.AtMost($"one user with {OfHeavy:#,0} messages due", "drain of everybody else within 10 %", ratio, 1.1)],
        };
    }

    /// <summary>By the clock of the decisions, so that nobody has to watch.</summary>
    private static async Task<double> SecondsToLastOfOthersAsync(Database database) =>
        (await database.ReadAsync<Instant>("SELECT max(sent_at) FROM message_queue WHERE user_id <> 'user_heavy'") - Noon.Start).TotalSeconds;
}
