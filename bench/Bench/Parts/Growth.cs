using System.Globalization;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>What single steps cost, one at a time, as the tables grow.</summary>
internal static class Growth
{
    private const int TickCount = 200;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(1);

    private static readonly (string Name, Func<int, byte[]> Request)[] Steps =
    [
        ("GET /health", _ => Requests.Get("/health")),
        ("POST /schedule-message", Requests.ScheduleOne),
        ("GET /messages", _ => Requests.Get("/messages")),
        ("GET /messages?userId=", _ => Requests.Get("/messages?userId=user_7")),
        ("GET /messages?status=queued", _ => Requests.Get("/messages?status=queued")),
        ("GET /messages?status=sent", _ => Requests.Get("/messages?status=sent")),
    ];

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        List<string> columns = ["median, ms"];
        List<Samples> measured = [];
        foreach (var (name, load) in Loads())
        {
            columns.Add(name);
            var samples = new Samples();
            for (var run = 0; run < stage.Options.Runs; run++)
                await MeasureAsync(stage.Server, load, samples);
            measured.Add(samples);
        }

        var rows = measured[0].Figures.Select(step => (IReadOnlyList<string>)[step.Name, .. measured.Select(samples => Figure.Format(samples[step.Name].Median))]);
        return new PartResult([]) { Tables = [new Table("", columns, [.. rows])] };
    }

    /// <summary>Ten messages a user, however many there are: a user's own line is another matter.</summary>
    public static Load LoadOf(int waiting) => new(waiting / 10, AreDue: false, Waiting: waiting);

    private static IEnumerable<(string Name, Load Load)> Loads()
    {
        foreach (var waiting in (int[])[10_000, 100_000, 1_000_000, 10_000_000])
            yield return ($"{Format(waiting)} waiting", LoadOf(waiting));

        const int finished = 1_000_000;
        yield return ($"10,000 waiting, {Format(finished)} finished", new Load(finished / 10, AreDue: false, Waiting: 10_000, Finished: finished));

        static string Format(int count) => count.ToString("#,0", CultureInfo.InvariantCulture);
    }

    private static async Task MeasureAsync(Server server, Load load, Samples samples)
    {
        await using var database = await server.CreateAsync(load);
        samples.Add("tick with nothing due", "ms", Figure.Percentile(await Ticks.MeasureAsync(database, TickCount), 0.5));
        await using var host = await ServiceHost.StartAsync(database);
        foreach (var (name, request) in Steps)
        {
            var client = new HttpLoad(host.Endpoint, () => request(load.Users));
            await client.RunAsync(connections: 1, WarmUp);
            samples.Add(name, "ms", Figure.Percentile(await client.RunAsync(connections: 1, Time), 0.5));
        }
    }
}
