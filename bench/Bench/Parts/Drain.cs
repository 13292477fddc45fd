using System.Diagnostics;
using Dapper;
using NodaTime;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>How fast two dispatchers empty the queue, and how fast the database alone could.</summary>
internal static class Drain
{
    private const int Dispatchers = 2;

    /// <summary>Everything due, with nothing else in the queue.</summary>
    public static Task<IReadOnlyList<Figure>> RunAsync(Server server, Options options) =>
        RunAsync(server, options, new Load(options.Due), "");

    /// <summary>Everything due, with many more messages waiting for later.</summary>
    public static Task<IReadOnlyList<Figure>> RunWithWaitingAsync(Server server, Options options) =>
        RunAsync(server, options, new Load(options.Due, Waiting: options.Waiting), $", {options.Waiting:#,0} waiting");

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
    /// <returns>The seconds it took.</returns>
    public static async Task<double> DispatchAsync(Database database, int expected)
    {
        await OpenConnectionsAsync(database);
        var clock = Noon.StartClock();
        var started = Stopwatch.GetTimestamp();
        var passes = await Task.WhenAll(Enumerable.Range(0, Dispatchers).Select(_ =>
            Task.Run(() => database.NewDispatcher(clock).RunOnceAsync(CancellationToken.None))));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;

        var delivered = await database.ReadAsync<int>("SELECT count(*)::int FROM messages WHERE direction = 'outbound'");
        if (delivered != expected || passes.Sum(pass => pass.Result.Delivered) != expected)
            throw new InvalidOperationException($"{delivered} delivered instead of {expected}: the figure would mean nothing.");
        return seconds;
    }

    private static async Task<IReadOnlyList<Figure>> RunAsync(Server server, Options options, Load load, string with)
    {
        await WarmUpAsync(server);
        List<double> floors = [], fresh = [], known = [];
        for (var run = 0; run < options.Runs; run++)
        {
            await using (var database = await server.CreateAsync(load))
                floors.Add(load.Users / await RunFloorAsync(database, load.Users));
            await using (var database = await server.CreateAsync(load, analyzed: false))
                fresh.Add(load.Users / await DispatchAsync(database, load.Users));
            await using (var database = await server.CreateAsync(load))
                known.Add(load.Users / await DispatchAsync(database, load.Users));
        }

        var floor = new Figure($"floor{with}", "messages/s", floors);
        var before = new Figure($"drain{with}, before ANALYZE", "messages/s", fresh);
        var after = new Figure($"drain{with}, after ANALYZE", "messages/s", known);
        return [floor, before, after, Figure.Ratio($"drain{with}, before ANALYZE, to floor", before, floor),
            Figure.Ratio($"drain{with}, after ANALYZE, to floor", after, floor)];
    }

    private static async Task<double> RunFloorAsync(Database database, int expected)
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
            while (await connection.ExecuteAsync(statement, parameters) is var rows && rows > 0)
                sum += rows;
            return sum;
        })));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        return moved.Sum() == expected ? seconds : throw new InvalidOperationException($"{moved.Sum()} moved instead of {expected}.");
    }

    /// <summary>A service that runs has them open.</summary>
    private static async Task OpenConnectionsAsync(Database database) => await Task.WhenAll(
        Enumerable.Range(0, Dispatchers).Select(_ => database.ReadAsync<Instant>("SELECT now() FROM pg_sleep(0.05)")));
}
