using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;

namespace Orchestrator.Bench.Workload;

/// <summary>The embedded host as a process of its own, started from its build output as a user's would be.</summary>
internal sealed class EmbeddedProcess : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private static readonly string Assembly = Path.Combine(AppContext.BaseDirectory, "Orchestrator.Embedded.dll");

    private readonly Process _process;

    private EmbeddedProcess(Process process, IPEndPoint endpoint, TimeSpan startedWithin) =>
        (_process, Endpoint, StartedWithin) = (process, endpoint, startedWithin);

    public IPEndPoint Endpoint { get; }

    /// <summary>From the start of the process to the first 200 on <c>/health</c>.</summary>
    public TimeSpan StartedWithin { get; }

    /// <summary>The most memory that it has had in use at once, in megabytes (10⁶ bytes) of resident pages.</summary>
    public double PeakMegabytes
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64 / 1e6;
        }
    }

    /// <summary>How its garbage collector is set.</summary>
    public static async Task<string> DescribeCollectorAsync()
    {
        await using var file = File.OpenRead(Path.ChangeExtension(Assembly, ".runtimeconfig.json"));
        using var configuration = await JsonDocument.ParseAsync(file);
        var properties = configuration.RootElement.GetProperty("runtimeOptions").GetProperty("configProperties");
        return $"System.GC.Server {Read("System.GC.Server", "false")}, System.GC.Concurrent {Read("System.GC.Concurrent", "true")}, no limit of the heap";

        string Read(string name, string unlessSet) =>
            properties.TryGetProperty(name, out var value) ? value.ToString().ToLowerInvariant() : $"{unlessSet} (as by default)";
    }

    /// <summary>Starts it, and waits until it is healthy.</summary>
    /// <exception cref="InvalidOperationException">It does not become so.</exception>
    public static async Task<EmbeddedProcess> StartAsync(params IEnumerable<(string Name, string Value)> environment)
    {
        var endpoint = new IPEndPoint(IPAddress.Loopback, FreePort());
        var start = new ProcessStartInfo("dotnet", [Assembly]) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PORT"] = endpoint.Port.ToString(CultureInfo.InvariantCulture);
        // Telling each message would measure the console.
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;

        var started = Stopwatch.GetTimestamp();
        var process = Process.Start(start)!;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        using var client = new HttpClient();
        for (var health = new Uri($"http://{endpoint}/health"); !await IsHealthyAsync(client, health);)
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(started) > Patience)
            {
                if (!process.HasExited)
                    process.Kill(entireProcessTree: true);
                throw new InvalidOperationException("The embedded host does not start.");
            }

            await Task.Delay(5);
        }

        return new EmbeddedProcess(process, endpoint, Stopwatch.GetElapsedTime(started));
    }

    /// <summary>Ends it as an operator would, so that its PostgreSQL stops too.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!OperatingSystem.IsWindows())
            await ChildProcess.RunAsync("kill", ["-TERM", _process.Id.ToString(CultureInfo.InvariantCulture)], ".", Patience);
        else
            _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync().WaitAsync(Patience);
        _process.Dispose();
    }

    private static async Task<bool> IsHealthyAsync(HttpClient client, Uri health)
    {
        try
        {
            using var answer = await client.GetAsync(health);
            return answer.StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
