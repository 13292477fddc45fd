using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using Npgsql;
using Orchestrator.Bench;
using Orchestrator.Bench.Parts;
using Orchestrator.Bench.Peers;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;
using Orchestrator.Embedded.Postgres;

CultureInfo.DefaultThreadCurrentCulture = CultureInfo.InvariantCulture;

var parts = new Dictionary<string, Func<Stage, Task<PartResult>>>(StringComparer.Ordinal)
{
    ["drain"] = Drain.RunAsync,
    ["drain-future"] = DrainWithFuture.RunAsync,
    ["enqueue"] = Enqueue.RunAsync,
    ["enqueue-many"] = EnqueueMany.RunAsync,
    ["idle-tick"] = IdleTick.RunAsync,
    ["one-heavy-user"] = OneHeavyUser.RunAsync,
    ["memory"] = Memory.RunAsync,
    ["start"] = SecondStart.RunAsync,
    ["lateness"] = Lateness.RunAsync,
    ["morning"] = Morning.RunAsync,
    ["growth"] = Growth.RunAsync,
    ["cost"] = Cost.RunAsync,
    ["drain-sizes"] = DrainSizes.RunAsync,
};

var options = Options.Parse(args);
if (options is null or { Parts: [] } || options.Parts.Any(part => part != Options.All && !parts.ContainsKey(part)))
{
    await Console.Error.WriteLineAsync(
        $"""
        usage: dotnet run -c Release --project bench/Bench -- <part>... [--runs 3] [--due 60000] [--waiting 1000000] [--full] [--no-peers]
                 [--database "Host=..."] [--output <folder>]
        without --database, a PostgreSQL is started for the run
        parts: all, {string.Join(", ", parts.Keys)}
        --full: 10,000,000 messages waiting beside a drain, and drains of 1,000,000
        --output: where benchmarks.md and its plots are written; after "all" the checkout's docs unless told otherwise
        """);
    return 2;
}

try
{
    await using var own = options.Database is null ? await PrivateServer.StartAsync() : null;
    // What is at work fails then, and all that was started goes on the way out.
    using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    await using var server = new Server(options.Database ?? own!.ConnectionString);
    var peers = options.WithPeers ? await PeerDrivers.FindAsync() : PeerDrivers.None("--no-peers was asked for");
    var stage = new Stage(server, peers, options);
    var document = new Document(await Machine.DescribeAsync(stage));
    Console.WriteLine(document.Machine);
    foreach (var (name, part) in parts.Where(part => options.Asks(part.Key)))
    {
        var started = Stopwatch.GetTimestamp();
        var section = new Section(name, await part(stage));
        document.Add(section);
        Console.WriteLine(section);
        await Console.Error.WriteLineAsync($"{name} took {Stopwatch.GetElapsedTime(started).TotalSeconds:0} s");
    }

    Console.WriteLine(document.Goals);
    if ((options.Output ?? (options.Parts.Contains(Options.All) ? Machine.DocsFolder : null)) is { } folder)
        await document.WriteAsync(folder);
    return 0;

    void Stop(PosixSignalContext signal)
    {
        if (own is null)
            return;
        signal.Cancel = true;
        _ = own.StopAsync();
    }
}
catch (Exception e) when (e is NpgsqlException or InvalidOperationException or EmbeddedPostgresException)
{
    // Caught, so that the databases of the run have been dropped.
    await Console.Error.WriteLineAsync(e.ToString());
    return 1;
}
