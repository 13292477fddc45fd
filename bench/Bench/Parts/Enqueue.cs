using System.Diagnostics;
using System.Text;
using Dapper;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary><c>POST /schedule-message</c>, each answered after its commit.</summary>
internal static class Enqueue
{
    private const int Users = 50_000;
    private const int Connections = 64;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(5);

    public static async Task<IReadOnlyList<Figure>> RunAsync(Server server, Options options)
    {
        List<double> floors = [], rates = [], slowest = [];
        for (var run = 0; run < options.Runs; run++)
        {
            await using (var bare = await server.CreateAsync(new Load(Users, AreDue: false)))
                floors.Add(await MeasureFloorAsync(bare));

            await using var database = await server.CreateAsync(new Load(Users, AreDue: false));
            await using var host = await ServiceHost.StartAsync(database);
            var load = new HttpLoad(host.Endpoint, NextRequest);
            var warming = await load.RunAsync(Connections, WarmUp);
            var times = await load.RunAsync(Connections, Time);
            rates.Add(times.Count / Time.TotalSeconds);
            slowest.Add(Figure.Percentile(times, 0.99));

            var stored = await database.ReadAsync<int>("SELECT count(*)::int FROM message_queue");
            if (stored != warming.Count + times.Count)
                throw new InvalidOperationException($"{stored} stored, {warming.Count + times.Count} answered.");
        }

        var floor = new Figure($"floor: one INSERT a message, {Connections} connections, no HTTP", "messages/s", floors);
        var rate = new Figure($"POST /schedule-message, {Connections} connections", "requests/s", rates);
        return [floor, rate, Figure.Ratio("POST /schedule-message, to floor", rate, floor),
            new Figure($"POST /schedule-message, {Connections} connections, p99", "ms", slowest)];
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

    /// <summary>The request of the README's example, for any of the users.</summary>
    private static byte[] NextRequest()
    {
        var user = Random.Shared.Next(1, Users + 1);
        var body =
            $$"""
            {"userId":"user_{{user}}","agentId":"concierge_agent_456","messageData":{"content":"Your intro request has been matched!"},"priority":"high","canDelay":true,"requiresFreshContext":false,"conversationId":"conv_{{user}}"}
            """;
        return Encoding.ASCII.GetBytes(
            $"POST /schedule-message HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }
}
