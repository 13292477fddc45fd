using System.Diagnostics;
using Dapper;
using NodaTime;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Bench.Parts;

/// <summary>How fast two dispatchers empty the queue, how fast the database alone could, and how fast the peers do nothing.</summary>
internal static class Drain
{
    public const string Unit = "messages/s";

    private const string AfterAnalyze = ", after ANALYZE";
    private const string BeforeAnalyze = ", before ANALYZE";
    private const int Dispatchers = 2;

    /// <summary>Everything due, with nothing else in the queue.</summary>
    public static async Task<PartResult> RunAsync(Stage stage)
    {
        await WarmUpAsync(stage.Server);
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
            await MeasureAsync(stage, samples, stage.Options.Due, waiting: 0, "");

        var best = BestPeer(stage, samples, "");
        var ratio = best is null ? null : Figure.Ratio("drain, to the better peer", Best(samples, "drain", ""), best);
        return new PartResult([.. samples.Figures, .. RatiosToFloor(samples, ""), .. ratio is null ? Array.Empty<Figure>() : [ratio]])
        {
            Goals =
            [
                Goal.AtLeast("drain, two dispatchers, distinct users", "at least 1.1 × the better of graphile-worker and pg-boss doing nothing", ratio, 1.1),
            ],
        };
    }

    /// <summary>The floor, the service and the peers once, before and after ANALYZE.</summary>
    /// <param name="stage">Where.</param>
    /// <param name="samples">Gets the rates.</param>
    /// <param name="due">How many are due.</param>
    /// <param name="waiting">How many wait for later.</param>
    /// <param name="with">What the names of the figures end with.</param>
    public static async Task MeasureAsync(Stage stage, Samples samples, int due, int waiting, string with)
    {
        var load = new Load(due, Waiting: waiting);
        await using (var database = await stage.Server.CreateAsync(load))
            samples.Add($"floor{with}", Unit, due / (await RunFloorAsync(database, due)).Seconds);
        foreach (var analyzed in new[] { false, true })
        {
            var name = with + (analyzed ? AfterAnalyze : BeforeAnalyze);
            await using (var database = await stage.Server.CreateAsync(load, analyzed))
                samples.Add($"drain{name}", Unit, due / await DispatchAsync(database, due));
            foreach (var peer in stage.Peers.All)
                samples.Add($"{peer.Name}{name}", Unit, await stage.Peers.DrainAsync(stage.Server, peer, due, waiting, analyzed));
        }
    }

    /// <summary>The better of before and after ANALYZE, run by run.</summary>
    public static Figure Best(Samples samples, string name, string with) =>
        Figure.Greatest(name, [samples[$"{name}{with}{BeforeAnalyze}"], samples[$"{name}{with}{AfterAnalyze}"]])!;

    /// <summary>The worse of before and after ANALYZE, run by run.</summary>
    public static Figure Worse(Samples samples, string with)
    {
        var (before, after) = (samples[$"drain{with}{BeforeAnalyze}"], samples[$"drain{with}{AfterAnalyze}"]);
        return new Figure($"drain{with}", Unit, [.. before.Values.Zip(after.Values, Math.Min)]);
    }

    /// <summary>The best of the peers, run by run; null where there are none.</summary>
    public static Figure? BestPeer(Stage stage, Samples samples, string with) =>
        Figure.Greatest("the better peer", [.. stage.Peers.All.Select(peer => Best(samples, peer.Name, with))]);

    public static IEnumerable<Figure> RatiosToFloor(Samples samples, string with) => new[] { BeforeAnalyze, AfterAnalyze }
        .Select(name => Figure.Ratio($"drain{with}{name}, to floor", samples[$"drain{with}{name}"], samples[$"floor{with}"]));

    /// <summary>A drain that is not measured: code that has run a few times is compiled anew, and then runs several times faster.</summary>
    public static async Task WarmUpAsync(Server server)
    {
        const int enough = 20_000;
        await using var database = await server.CreateAsync(new Load(enough));
        await DispatchAsync(database, enough);
    }

    /// <summary>Runs two dispatchers until nothing is due.</summary>
    /// <param name="database">The database.</param>
    /// <param name="expected">How many messages must have been delivered.</param>
    /// <param name="clocks">The dispatchers' clocks, in turn; null: one that shows <see cref="Noon"/>.</param>
    /// <returns>The seconds it took.</returns>
    public static async Task<double> DispatchAsync(Database database, int expected, IReadOnlyList<DatabaseClock>? clocks = null)
    {
        await OpenConnectionsAsync(database);
        clocks ??= [Noon.StartClock()];
        var started = Stopwatch.GetTimestamp();
        var passes = await Task.WhenAll(Enumerable.Range(0, Dispatchers).Select(number =>
            Task.Run(() => database.NewDispatcher(clocks[number % clocks.Count]).RunOnceAsync(CancellationToken.None))));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;

        var delivered = await database.ReadAsync<int>(
            "SELECT count(*)::int FROM message_queue q JOIN messages m ON m.id = q.delivered_message_id WHERE q.status = 'sent' AND m.direction = 'outbound'");
        if (delivered != expected || passes.Sum(pass => pass.Result.Delivered) != expected)
            throw new InvalidOperationException($"{delivered} delivered instead of {expected}: the figure would mean nothing.");
        return seconds;
    }

    /// <summary>Runs the floor's statement over two connections until nothing is due.</summary>
    /// <returns>The seconds it took, and of each batch when it ended and how many milliseconds it took.</returns>
    public static async Task<(double Seconds, IReadOnlyList<(double At, double Took)> Batches)> RunFloorAsync(Database database, int expected)
    {
        await OpenConnectionsAsync(database);
        var statement = Script.Read("Floor");
        var parameters = new
        {
            now = Noon.Start,
            date = Noon.Start.InUtc().Date,
            limit = database.Settings.BatchSize,
        };
        var started = Stopwatch.GetTimestamp();
        var moved = await Task.WhenAll(Enumerable.Range(0, Dispatchers).Select(_ => Task.Run(async () =>
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            var sum = 0;
            var batches = new List<(double At, double Took)>();
            for (var begun = started; await connection.ExecuteAsync(statement, parameters) is var rows && rows > 0; begun = Stopwatch.GetTimestamp())
            {
                sum += rows;
                batches.Add((Stopwatch.GetElapsedTime(started).TotalSeconds, Stopwatch.GetElapsedTime(begun).TotalMilliseconds));
            }

            return (Sum: sum, Batches: batches);
        })));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var all = moved.Sum(worker => worker.Sum);
        return all == expected ? (seconds, [.. moved.SelectMany(worker => worker.Batches)])
            : throw new InvalidOperationException($"{all} moved instead of {expected}.");
    }

    /// <summary>A service that runs has them open.</summary>
    private static async Task OpenConnectionsAsync(Database database) => await Task.WhenAll(
        Enumerable.Range(0, Dispatchers).Select(_ => database.ReadAsync<Instant>("SELECT now() FROM pg_sleep(0.05)")));
}
