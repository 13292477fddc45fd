using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text.RegularExpressions;
using Orchestrator.EndToEnd.Tests.Contract;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>The embedded host as a process of its own, started from its build output as a user's would be.</summary>
public sealed partial class EmbeddedHost : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan PatienceWithBuilds = TimeSpan.FromMinutes(4);

    private readonly Process _process;
    private readonly ConcurrentQueue<string> _output = new();
    private readonly TaskCompletionSource<Uri> _address = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private EmbeddedHost(IReadOnlyDictionary<string, string> environment, string? checkout, string? build)
    {
        string[] arguments = checkout is null
            ? [Path.Combine(build ?? AppContext.BaseDirectory, "Orchestrator.Embedded.dll")]
            : ["run", "--project", "src/Embedded"];
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = checkout ?? AppContext.BaseDirectory,
            UseShellExecute = false,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PORT"] = "0";
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        _process = new Process { StartInfo = start, EnableRaisingEvents = true };
        _process.OutputDataReceived += (_, line) => Receive(line.Data);
        _process.ErrorDataReceived += (_, line) => Receive(line.Data);
        _process.Exited += (_, _) => _address.TrySetException(new InvalidOperationException("The host ended."));
    }

    /// <summary>A client of this host, which holds every answer against the contract.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>All it has printed so far.</summary>
    public string Output => string.Join('\n', _output);

    public int ProcessId => _process.Id;

    /// <summary>Starts a host and waits until it says where it listens and answers there.</summary>
    /// <param name="environment">Its settings.</param>
    /// <param name="waitUntilHealthy">Whether to wait for its database too.</param>
    /// <param name="build">The folder of the build that is started; null: this test's own.</param>
    public static async Task<EmbeddedHost> StartAsync(
        IEnumerable<(string Name, string Value)> environment, bool waitUntilHealthy = true, string? build = null)
    {
        var host = Launch(environment, build: build);
        try
        {
            host.Client = ContractClient.Create(await host._address.Task.WaitAsync(Patience));
            if (waitUntilHealthy)
                await host.WaitUntilHealthyAsync();
            return host;
        }
        catch (Exception e)
        {
            await host.DisposeAsync();
            throw new InvalidOperationException($"The host did not start:\n{host.Output}", e);
        }
    }

    /// <summary>Starts a host from its sources, with the README's command.</summary>
    public static async Task<EmbeddedHost> RunFromSourceAsync(string checkout, params IEnumerable<(string Name, string Value)> environment)
    {
        var host = Launch(environment, checkout);
        host.Client = ContractClient.Create(await host._address.Task.WaitAsync(PatienceWithBuilds));
        await host.WaitUntilHealthyAsync();
        return host;
    }

    /// <summary>Starts a host that is expected to end by itself.</summary>
    /// <returns>Its exit code and all it printed.</returns>
    public static async Task<(int ExitCode, string Output)> RunToEndAsync(params IEnumerable<(string Name, string Value)> environment)
    {
        await using var host = Launch(environment);
        host._address.Task.ContinueWith(_ => { }, TaskScheduler.Default).Forget();
        await host._process.WaitForExitAsync().WaitAsync(Patience);
        return (host._process.ExitCode, host.Output);
    }

    /// <summary>Waits until /health answers 200.</summary>
    public Task WaitUntilHealthyAsync() => Eventually.HoldsAsync(async () =>
    {
        try
        {
            return (await Client.GetAsync(new Uri("health", UriKind.Relative))).StatusCode == HttpStatusCode.OK;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }, "the host is healthy");

    /// <summary>Sends SIGTERM and waits for the end.</summary>
    /// <returns>The exit code, and how long it took.</returns>
    public async Task<(int ExitCode, TimeSpan Took)> TerminateAsync()
    {
        var watch = Stopwatch.StartNew();
        await SignalAsync("TERM");
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return (_process.ExitCode, watch.Elapsed);
    }

    /// <summary>Sends a signal, such as <c>STOP</c>.</summary>
    public async Task SignalAsync(string name)
    {
        using var kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Sends SIGKILL, which the process cannot see coming.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await TerminateAsync();
        Client?.Dispose();
        _process.Dispose();
    }

    /// <summary>Starts a host and waits for nothing.</summary>
    public static EmbeddedHost Launch(IEnumerable<(string Name, string Value)> environment, string? checkout = null, string? build = null)
    {
        var host = new EmbeddedHost(environment.ToDictionary(e => e.Name, e => e.Value), checkout, build);
        host._process.Start();
        host._process.BeginOutputReadLine();
        host._process.BeginErrorReadLine();
        return host;
    }

    private void Receive(string? line)
    {
        if (line is null)
            return;
        _output.Enqueue(line);
        if (ListensOn().Match(line) is { Success: true } match)
            _address.TrySetResult(new Uri(match.Value));
    }

    [GeneratedRegex("(?<=listens on )http://[^ ]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex ListensOn();
}
