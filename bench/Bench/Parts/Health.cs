using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary><c>GET /health</c>, one at a time.</summary>
internal static class Health
{
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Time = TimeSpan.FromSeconds(2);

    public static async Task<IReadOnlyList<Figure>> RunAsync(Server server, Options options)
    {
        const int users = 1000;
        List<double> empty = [], full = [], slowest = [];
        for (var run = 0; run < options.Runs; run++)
        {
            empty.Add(Figure.Percentile(await MeasureAsync(server, new Load(users, AreDue: false)), 0.5));
            var times = await MeasureAsync(server, new Load(users, AreDue: false, Waiting: options.Waiting));
            full.Add(Figure.Percentile(times, 0.5));
            slowest.Add(Figure.Percentile(times, 0.99));
        }

        return [new Figure("GET /health, empty queue", "ms", empty), new Figure($"GET /health, {options.Waiting:#,0} waiting", "ms", full),
            new Figure($"GET /health, {options.Waiting:#,0} waiting, p99", "ms", slowest)];
    }

    private static async Task<IReadOnlyList<double>> MeasureAsync(Server server, Load load)
    {
        await using var database = await server.CreateAsync(load);
        await using var host = await ServiceHost.StartAsync(database);
        var client = new HttpLoad(host.Endpoint, () => "GET /health HTTP/1.1\r\nHost: bench\r\n\r\n"u8.ToArray());
        await client.RunAsync(connections: 1, WarmUp);
        return await client.RunAsync(connections: 1, Time);
    }
}
