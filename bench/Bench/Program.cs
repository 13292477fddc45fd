using System.Globalization;
using System.Runtime.InteropServices;
using Npgsql;
using Orchestrator.Bench;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Parts;
using Orchestrator.Bench.Workload;
using Orchestrator.Embedded.Postgres;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;

var parts = new Dictionary<string, Func<Server, Options, Task<IReadOnlyList<Figure>>>>(StringComparer.Ordinal)
{
    ["drain"] = Drain.RunAsync,
    ["drain-future"] = Drain.RunWithWaitingAsync,
    ["enqueue"] = Enqueue.RunAsync,
    ["enqueue-many"] = EnqueueMany.RunAsync,
    ["idle-tick"] = IdleTick.RunAsync,
    ["one-heavy-user"] = OneHeavyUser.RunAsync,
    ["health"] = Health.RunAsync,
};

var options = Options.Parse(args);
if (options is null or { Parts: [] } || options.Parts.Any(part => part != "all" && !parts.ContainsKey(part)))
{
    await Console.Error.WriteLineAsync(
        $"""
        usage: dotnet run -c Release --project bench/Bench -- <part>... [--database "Host=..."] [--due 60000] [--waiting 1000000] [--runs 3] [--full]
        without --database, a PostgreSQL is started for the run
        parts: all, {string.Join(", ", parts.Keys)}
        --full: 10,000,000 messages waiting
        """);
    return 2;
}

try
{
    await using var own = options.Database is null ? await PrivateServer.StartAsync() : null;
    await using var server = new Server(options.Database ?? own!.ConnectionString);
    Console.WriteLine($"{RuntimeInformation.FrameworkDescription}, {Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}");
    Console.WriteLine(await server.DescribeAsync());
    Console.WriteLine($"{options.Runs} runs of each");
    Console.WriteLine();
    Console.WriteLine("| what | median | min | max | unit |");
    Console.WriteLine("|---|---:|---:|---:|---|");
    foreach (var (name, part) in parts)
    {
        if (!options.Parts.Contains("all") && !options.Parts.Contains(name))
            continue;
        foreach (var figure in await part(server, options))
            Console.WriteLine(figure);
    }
    return 0;
}
catch (Exception e) when (e is NpgsqlException or InvalidOperationException or EmbeddedPostgresException)
{
    // Caught, so that the databases of the run have been dropped.
    await Console.Error.WriteLineAsync(e.ToString());
    return 1;
}
