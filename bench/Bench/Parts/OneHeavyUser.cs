using NodaTime;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>Whether one user with very many messages delays everybody else.</summary>
internal static class OneHeavyUser
{
    private const int Others = 50_000;
    private const int OfHeavy = 100_000;

    public static async Task<IReadOnlyList<Figure>> RunAsync(Server server, Options options)
    {
        await Drain.WarmUpAsync(server);
        List<double> alone = [], beside = [], whole = [];
        for (var run = 0; run < options.Runs; run++)
        {
            await using (var database = await server.CreateAsync(new Load(Others)))
            {
                await Drain.DispatchAsync(database, Others);
                alone.Add(await SecondsToLastOfOthersAsync(database));
            }

            await using (var database = await server.CreateAsync(new Load(Others, Heavy: OfHeavy)))
            {
                whole.Add(await Drain.DispatchAsync(database, Others + 1));
                beside.Add(await SecondsToLastOfOthersAsync(database));
            }
        }

        var without = new Figure($"{Others:#,0} others delivered, no heavy user", "s", alone);
        var with = new Figure($"{Others:#,0} others delivered, beside a user with {OfHeavy:#,0} due", "s", beside);
        return [without, with, Figure.Ratio("beside the heavy user, to without", with, without), new Figure("until nothing is due", "s", whole)];
    }

    /// <summary>By the clock of the decisions, so that nobody has to watch.</summary>
    private static async Task<double> SecondsToLastOfOthersAsync(Database database) =>
        (await database.ReadAsync<Instant>("SELECT max(sent_at) FROM message_queue WHERE user_id <> 'user_heavy'") - Noon.Start).TotalSeconds;
}
