using System.Net;
using Npgsql;
using Orchestrator.EndToEnd.Tests;
using Orchestrator.EndToEnd.Tests.Contract;

namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>
/// One instance of the service: a process that dies and comes back, behind two proxies that stay. One lies between it and its database, the
/// other between it and its callers.
/// </summary>
public sealed class Instance : IAsyncDisposable
{
    private static readonly TimeSpan LongestAnswer = TimeSpan.FromSeconds(4);

    private readonly TcpProxy _toDatabase;
    private readonly TcpProxy _toService;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly List<string> _outputs = [];
    private EmbeddedHost? _host;
    private bool _isStopped;

    /// <param name="databaseScissors">What cuts its connections to the database.</param>
    /// <param name="callerScissors">What cuts those of its callers.</param>
    /// <param name="connectionString">The database.</param>
    public Instance(Scissors databaseScissors, Scissors callerScissors, string connectionString)
    {
        var database = new NpgsqlConnectionStringBuilder(connectionString);
        _toDatabase = new TcpProxy(databaseScissors, new IPEndPoint(IPAddress.Loopback, database.Port));
        _toService = new TcpProxy(callerScissors);
        database.Port = _toDatabase.Port;
        ConnectionString = database.ConnectionString;
        Url = new Uri($"http://127.0.0.1:{_toService.Port}");
        Client = ContractClient.Create(Url);
        Client.Timeout = LongestAnswer;
    }

    /// <summary>How it reaches the database.</summary>
    public string ConnectionString { get; }

    /// <summary>Where callers reach it, dead or alive.</summary>
    public Uri Url { get; }

    /// <summary>A client of it.</summary>
    public HttpClient Client { get; }

    /// <summary>How far its wall clock is ahead, as its answers show it; null: it has not been measured.</summary>
    public TimeSpan? MeasuredSkew { get; private set; }

    /// <summary>What its processes have printed so far.</summary>
    public IEnumerable<string> Outputs => _host is null ? _outputs : [.. _outputs, _host.Output];

    /// <summary>Starts a process.</summary>
    /// <param name="settings">Its settings.</param>
    /// <param name="skew">How far its clock is to be ahead.</param>
    public Task StartAsync(IEnumerable<(string Name, string Value)> settings, TimeSpan skew) => InTurnAsync(async () =>
    {
        _host = await EmbeddedHost.StartAsync([.. settings, .. ClockSkew.Of(skew)], waitUntilHealthy: false);
        await MeasureSkewAsync(_host.Client);
        _toService.Target = new IPEndPoint(IPAddress.Loopback, _host.Client.BaseAddress!.Port);
    });

    /// <summary>Kills the process, and with it every connection of its callers.</summary>
    public Task KillAsync() => InTurnAsync(async () =>
    {
        if (_host is null)
            return;
        _toService.Target = null;
        await _host.KillAsync();
        _toService.CutAll();
        await LetGoAsync();
    });

    /// <summary>Ends the process as an operator would.</summary>
    public Task TerminateAsync() => InTurnAsync(async () =>
    {
        if (_host is not null)
            await LetGoAsync();
    });

    /// <summary>Suspends the process, with every connection and every lock that it has.</summary>
    public Task SuspendAsync() => InTurnAsync(() => SignalAsync("STOP", isStopped: true));

    /// <summary>Lets it go on as though nothing had been.</summary>
    public Task ResumeAsync() => InTurnAsync(() => SignalAsync("CONT", isStopped: false));

    /// <summary>Cuts all its connections to the database.</summary>
    /// <returns>How many there were.</returns>
    public int CutFromDatabase() => _toDatabase.CutAll();

    public async ValueTask DisposeAsync()
    {
        await ResumeAsync();
        await TerminateAsync();
        Client.Dispose();
        await _toService.DisposeAsync();
        await _toDatabase.DisposeAsync();
        _turn.Dispose();
    }

    private async Task SignalAsync(string name, bool isStopped)
    {
        if (_host is null || _isStopped == isStopped)
            return;
        await _host.SignalAsync(name);
        _isStopped = isStopped;
    }

    private async Task LetGoAsync()
    {
        var process = _host!.ProcessId;
        await _host.DisposeAsync();
        ClockSkew.CleanUpAfter(process);
        _outputs.Add(_host.Output);
        (_host, _isStopped) = (null, false);
    }

    /// <summary>The web server writes the time of its own machine into each answer.</summary>
    private async Task MeasureSkewAsync(HttpClient direct)
    {
        using var answer = await direct.GetAsync(new Uri("health", UriKind.Relative));
        if (answer.Headers.Date is { } date)
            MeasuredSkew = date - DateTimeOffset.UtcNow;
    }

    private async Task InTurnAsync(Func<Task> action)
    {
        await _turn.WaitAsync();
        try
        {
            await action();
        }
        finally
        {
            _turn.Release();
        }
    }
}
