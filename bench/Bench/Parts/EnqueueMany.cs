using System.Diagnostics;
using Dapper;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary><c>POST /schedule-messages</c> with 1,000 messages each, answered after their commit.</summary>
internal static class EnqueueMany
{
    private const int Users = 50_000;
    private const int Connections = 4;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(5);

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        var floor = $"floor: one INSERT for {Requests.Many:#,0} messages, {Connections} connections, no HTTP";
        var post = $"POST /schedule-messages, {Requests.Many:#,0} each, {Connections} connections";
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
        {
            await using (var bare = await stage.Server.CreateAsync(new Load(Users, AreDue: false)))
                samples.Add(floor, "messages/s", await MeasureFloorAsync(bare));

            var (rate, p99) = await MeasureAsync(stage.Server, withKeys: false);
            samples.Add(post, "messages/s", rate);
            samples.Add($"{post}, p99", "ms", p99);
            samples.Add("the same, each message with an idempotency key", "messages/s", (await MeasureAsync(stage.Server, withKeys: true)).Rate);
            foreach (var peer in stage.Peers.All)
                samples.Add($"{peer.Name}, {Requests.Many:#,0} each", "jobs/s", await stage.Peers.EnqueueManyAsync(stage.Server, peer, Connections, Requests.Many));
        }

        var best = Figure.Greatest("the better peer", [.. stage.Peers.All.Select(peer => samples[$"{peer.Name}, {Requests.Many:#,0} each"])]);
        var ratio = best is null ? null : Figure.Ratio("POST /schedule-messages, to the better peer", samples[post], best);
        return new PartResult(
            [.. samples.Figures, Figure.Ratio("POST /schedule-messages, to floor", samples[post], samples[floor]), .. ratio is null ? Array.Empty<Figure>() : [ratio]])
        {
            Goals =
            [
                Goal.AtLeast(post, "at least 60,000 messages/s", samples[post], 60_000),
                Goal.AtLeast("POST /schedule-messages", "ahead of the better peer's batch of 1,000", ratio, 1),
            ],
        };
    }

    private static async Task<(double Rate, double P99)> MeasureAsync(Server server, bool withKeys)
    {
        await using var database = await server.CreateAsync(new Load(Users, AreDue: false));
        await using var host = await ServiceHost.StartAsync(database);
        // Made before, so that the client does not take from what it measures; keys must be new each time.
        byte[][] prepared = [.. Enumerable.Range(0, 50).Select(_ => Requests.ScheduleMany(Users))];
        var load = new HttpLoad(
            host.Endpoint, () => withKeys ? Requests.ScheduleMany(Users, withKeys: true) : prepared[Random.Shared.Next(prepared.Length)]);
        var warming = await load.RunAsync(Connections, WarmUp);
        var started = Stopwatch.GetTimestamp();
        var times = await load.RunAsync(Connections, Time);
        var taken = Stopwatch.GetElapsedTime(started);

        var stored = await database.ReadAsync<int>("SELECT count(*)::int FROM message_queue");
        if (stored != (warming.Count + times.Count) * Requests.Many)
            throw new InvalidOperationException($"{stored} stored, {(warming.Count + times.Count) * Requests.Many} answered.");
        return (times.Count * Requests.Many / taken.TotalSeconds, Figure.Percentile(times, 0.99));
    }

    private static async Task<double> MeasureFloorAsync(Database database)
    {
        var statement = Script.Read("EnqueueManyFloor");
        var writers = Enumerable.Range(0, Connections).Select(async _ =>
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            var count = 0;
            for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Time; count += Requests.Many)
            {
                var ids = Enumerable.Range(0, Requests.Many).Select(_ => Guid.CreateVersion7()).ToArray();
                var users = Enumerable.Range(0, Requests.Many).Select(_ => Random.Shared.Next(1, Users + 1)).ToArray();
                await connection.ExecuteAsync(statement, new { ids, users, now = Noon.Start });
            }

            return count;
        }).ToList();
        return (await Task.WhenAll(writers)).Sum() / Time.TotalSeconds;
    }
}
