using System.Diagnostics;
using System.Text;
using Dapper;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary><c>POST /schedule-messages</c> with 1,000 messages each, answered after their commit.</summary>
internal static class EnqueueMany
{
    private const int Users = 50_000;
    private const int Messages = 1000;
    private const int Connections = 4;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(5);

    public static async Task<IReadOnlyList<Figure>> RunAsync(Server server, Options options)
    {
        List<double> floors = [], rates = [], keyed = [], slowest = [];
        for (var run = 0; run < options.Runs; run++)
        {
            await using (var bare = await server.CreateAsync(new Load(Users, AreDue: false)))
                floors.Add(await MeasureFloorAsync(bare));

            var (rate, p99) = await MeasureAsync(server, withKeys: false);
            rates.Add(rate);
            slowest.Add(p99);
            keyed.Add((await MeasureAsync(server, withKeys: true)).Rate);
        }

        var floor = new Figure($"floor: one INSERT for {Messages} messages, {Connections} connections, no HTTP", "messages/s", floors);
        var many = new Figure($"POST /schedule-messages, {Messages} each, {Connections} connections", "messages/s", rates);
        return [floor, many, Figure.Ratio("POST /schedule-messages, to floor", many, floor),
            new Figure($"POST /schedule-messages, {Messages} each, {Connections} connections, p99", "ms", slowest),
            new Figure("the same, each message with an idempotency key", "messages/s", keyed)];
    }

    private static async Task<(double Rate, double P99)> MeasureAsync(Server server, bool withKeys)
    {
        await using var database = await server.CreateAsync(new Load(Users, AreDue: false));
        await using var host = await ServiceHost.StartAsync(database);
        // Made before, so that the client does not take from what it measures; keys must be new each time.
        byte[][] prepared = [.. Enumerable.Range(0, 50).Select(_ => NextRequest(withKeys: false))];
        var load = new HttpLoad(host.Endpoint, () => withKeys ? NextRequest(withKeys: true) : prepared[Random.Shared.Next(prepared.Length)]);
        var warming = await load.RunAsync(Connections, WarmUp);
        var started = Stopwatch.GetTimestamp();
        var times = await load.RunAsync(Connections, Time);
        var taken = Stopwatch.GetElapsedTime(started);

        var stored = await database.ReadAsync<int>("SELECT count(*)::int FROM message_queue");
        if (stored != (warming.Count + times.Count) * Messages)
            throw new InvalidOperationException($"{stored} stored, {(warming.Count + times.Count) * Messages} answered.");
        return (times.Count * Messages / taken.TotalSeconds, Figure.Percentile(times, 0.99));
    }

    private static async Task<double> MeasureFloorAsync(Database database)
    {
        var statement = Script.Read("EnqueueManyFloor");
        var writers = Enumerable.Range(0, Connections).Select(async _ =>
        {
            await using var connection = await database.Source.OpenConnectionAsync();
            var count = 0;
            for (var started = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(started) < Time; count += Messages)
            {
                var ids = Enumerable.Range(0, Messages).Select(_ => Guid.CreateVersion7()).ToArray();
                var users = Enumerable.Range(0, Messages).Select(_ => Random.Shared.Next(1, Users + 1)).ToArray();
                await connection.ExecuteAsync(statement, new { ids, users, now = Noon.Start });
            }

            return count;
        }).ToList();
        return (await Task.WhenAll(writers)).Sum() / Time.TotalSeconds;
    }

    /// <summary>The README's example, a thousand times, each for any of the users.</summary>
    private static byte[] NextRequest(bool withKeys)
    {
        var body = new StringBuilder("""{"messages":[""");
        for (var i = 0; i < Messages; i++)
        {
            var user = Random.Shared.Next(1, Users + 1);
            body.Append(i == 0 ? "" : ",").Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $$"""
                {"userId":"user_{{user}}","agentId":"concierge_agent_456","messageData":{"content":"Your intro request has been matched!"},"priority":"high","canDelay":true,"requiresFreshContext":false,"conversationId":"conv_{{user}}"
                """);
            if (withKeys)
                body.Append(System.Globalization.CultureInfo.InvariantCulture, $",\"idempotencyKey\":\"{Guid.NewGuid()}\"");
            body.Append('}');
        }

        body.Append("]}");
        return Encoding.ASCII.GetBytes(
            $"POST /schedule-messages HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
    }
}
