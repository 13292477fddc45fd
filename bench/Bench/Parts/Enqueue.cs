using System.Diagnostics;
using Dapper;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary><c>POST /schedule-message</c>, each answered after its commit.</summary>
internal static class Enqueue
{
    private const int Users = 50_000;
    private const int Connections = 64;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(5);

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        var floor = $"floor: one INSERT a message, {Connections} connections, no HTTP";
        var post = $"POST /schedule-message, {Connections} connections";
        var slowest = $"{post}, p99";
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
        {
            await using (var bare = await stage.Server.CreateAsync(new Load(Users, AreDue: false)))
                samples.Add(floor, "messages/s", await MeasureFloorAsync(bare));

            var times = await MeasureAsync(stage.Server);
            samples.Add(post, "requests/s", times.Count / Time.TotalSeconds);
            samples.Add(slowest, "ms", Figure.Percentile(times, 0.99));
            foreach (var peer in stage.Peers.All)
                samples.Add($"{peer.Name}, {Connections} at once", "jobs/s", await stage.Peers.EnqueueAsync(stage.Server, peer, Connections));
        }

        var best = Figure.Greatest("the better peer", [.. stage.Peers.All.Select(peer => samples[$"{peer.Name}, {Connections} at once"])]);
        var ratio = best is null ? null : Figure.Ratio("POST /schedule-message, to the better peer", samples[post], best);
        return new PartResult(
            [.. samples.Figures, Figure.Ratio("POST /schedule-message, to floor", samples[post], samples[floor]), .. ratio is null ? Array.Empty<Figure>() : [ratio]])
        {
            Goals =
            [
                Goal.AtLeast(post, "at least 20,000 requests/s", samples[post], 20_000),
                Goal.AtMost(slowest, "under 10 ms", samples[slowest], 10),
                Goal.AtLeast("POST /schedule-message", "at least 9 × the better peer's single enqueue", ratio, 9),
            ],
        };
    }

    private static async Task<IReadOnlyList<double>> MeasureAsync(Server server)
    {
        await using var database = await server.CreateAsync(new Load(Users, AreDue: false));
        await using var host = await ServiceHost.StartAsync(database);
        var load = new HttpLoad(host.Endpoint, () => Requests.ScheduleOne(Users));
        var warming = await load.RunAsync(Connections, WarmUp);
        var times = await load.RunAsync(Connections, Time);

        var stored = await database.ReadAsync<int>("SELECT count(*)::int FROM message_queue");
        return stored == warming.Count + times.Count ? times
            : throw new InvalidOperationException($"{stored} stored, {warming.Count + times.Count} answered.");
    }

    private static async Task<double> MeasureFloorAsync(Database database)
    {
        var statement = Script.Read("EnqueueFloor");
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var writers = Enumerable.Range(0, Connections).Select(async _ =>
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            await ready.Task;
            var count = 0;
            for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Time; count++)
            {
                var user = Random.Shared.Next(1, Users + 1);
                await connection.ExecuteAsync(statement, new { id = Guid.CreateVersion7(), user, now = Noon.Start });
            }

            return count;
        }).ToList();
        ready.SetResult();
        return (await Task.WhenAll(writers)).Sum() / Time.TotalSeconds;
    }
}
