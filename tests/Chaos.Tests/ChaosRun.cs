using System.Diagnostics;
using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Chaos.Tests.Checking;
using Orchestrator.Chaos.Tests.Faults;
using Orchestrator.Chaos.Tests.Load;
using Orchestrator.Embedded.Postgres;
using Orchestrator.EndToEnd.Tests;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Chaos.Tests;

/// <summary>Several instances under load while everything around them fails; then peace, and the question what became of it all.</summary>
public sealed class ChaosRun : IAsyncDisposable
{
    private static readonly TimeSpan[] Skews =
    [
        TimeSpan.FromMinutes(-170), TimeSpan.FromMinutes(95), TimeSpan.Zero, TimeSpan.FromMinutes(-4), TimeSpan.FromMinutes(7), TimeSpan.FromHours(11),
        TimeSpan.FromSeconds(-50), TimeSpan.FromHours(-9),
    ];

    private readonly ChaosOptions _options;
    private readonly Action<string> _tell;
    private readonly TemporaryFolder _folder = new();
    private readonly Ledger _ledger = new();
    private readonly List<Instance> _instances = [];
    private readonly Lock _lock = new();
    private readonly List<(TimeSpan Wanted, TimeSpan Measured)> _skews = [];
    private readonly Scissors _database;
    private readonly Scissors _callers;
    private EmbeddedPostgres _postgres = null!;
    private NpgsqlDataSource _direct = null!;
    private Provider _provider = null!;
    private Oracle _oracle = null!;
    private Monkey _monkey = null!;
    private int _starts;

    private ChaosRun(ChaosOptions options, Action<string> tell)
    {
        (_options, _tell) = (options, tell);
        _database = new Scissors(SeedOf("database"), perChunk: 0.002, perCommit: 0.01);
        _callers = new Scissors(SeedOf("callers"), perChunk: 0.01, perCommit: 0);
    }

    /// <summary>Runs it.</summary>
    /// <param name="options">How.</param>
    /// <param name="tell">Told what was done, in lines.</param>
    /// <returns>What was not kept; nothing where all is well.</returns>
    public static async Task<IReadOnlyList<Breach>> RunAsync(ChaosOptions options, Action<string> tell)
    {
        await using var run = new ChaosRun(options, tell);
        return await run.RunAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Task.WhenAll(_instances.Select(i => i.DisposeAsync().AsTask()));
        await SaveLogsAsync();
        if (_provider is not null)
            await _provider.DisposeAsync();
        if (_oracle is not null)
            await _oracle.DisposeAsync();
        if (_direct is not null)
            await _direct.DisposeAsync();
        if (_postgres is not null)
            await _postgres.DisposeAsync();
        _folder.Dispose();
    }

    private async Task<IReadOnlyList<Breach>> RunAsync()
    {
        var watch = Stopwatch.StartNew();
        _tell($"CHAOS_SEED={_options.Seed}, {_options.Instances} instances, {_options.Duration.TotalSeconds} s"
            + (ClockSkew.Library is null ? "; libfaketime is not installed, so wrong clocks are no part of it" : ""));
        var population = new Population(SeedOf("population"));
        await PrepareAsync(population);
        _tell($"Ready after {watch.Elapsed.TotalSeconds:F1} s");

        using var reporting = new CancellationTokenSource();
        var reports = _provider.ReportAsync(_instances, reporting.Token);
        var traffic = new Traffic(_instances, population, _ledger, _options.Seed);
        await MakeChaosAsync(traffic);
        _tell($"Chaos over after {watch.Elapsed.TotalSeconds:F1} s: {Summary()}");

        await EndItAsync();
        var unanswered = await AskAgainAsync(traffic);
        await using var connection = await _direct.OpenConnectionAsync();
        var checker = new Checker(connection);
        await checker.PrepareAsync();
        var settledAt = await SettleAsync(checker, async () =>
        {
            await reporting.CancelAsync();
            await reports;
        });

        _tell($"Settled after {watch.Elapsed.TotalSeconds:F1} s; {unanswered} requests were never answered");
        await checker.TakeAsync(_ledger, [.. _provider.Taken.Select(TakenSms.Of)]);
        var breaches = (await checker.FindAllAsync(settledAt)).Concat(WrongClocks()).ToList();
        _tell($"Checked after {watch.Elapsed.TotalSeconds:F1} s: {await FiguresAsync(connection)}; {breaches.Count} breaches");
        return breaches;
    }

    private async Task PrepareAsync(Population population)
    {
        _provider = await Provider.StartAsync(_ledger, SeedOf("provider"));
        _oracle = await Oracle.StartAsync(SeedOf("oracle"));
        _postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = _folder.Path }, NullLogger.Instance, CancellationToken.None);
        // A pool would hand out connections that a restart of the server has broken.
        _direct = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(_postgres.ConnectionString) { Pooling = false }.ConnectionString);
        await new Migrator(_direct).MigrateAsync(CancellationToken.None);
        await population.SettleAsync(_direct);
        for (var i = 0; i < _options.Instances; i++)
            _instances.Add(new Instance(_database, _callers, _postgres.ConnectionString));
        _monkey = new Monkey(_instances, _postgres, StartAsync, _options.LongestPause, _options.LongestStop, new Random(SeedOf("monkey")));
        await Task.WhenAll(_instances.Select(StartAsync));
    }

    private async Task MakeChaosAsync(Traffic traffic)
    {
        _provider.IsOnABadDay = _oracle.IsOnABadDay = _database.AreOut = _callers.AreOut = true;
        using var end = new CancellationTokenSource(_options.Duration);
        await Task.WhenAll(
            traffic.RunAsync(callers: 12, thinkingTime: TimeSpan.FromMilliseconds(_options.IsLong ? 1500 : 300), end.Token),
            WriteAsync(end.Token),
            _monkey.RunAsync(end.Token));
    }

    /// <summary>Some of the sleepers, and of the others, write themselves: they are awake, and what waits for them may have become stale.</summary>
    private async Task WriteAsync(CancellationToken stop)
    {
        var random = new Random(SeedOf("people"));
        var numbers = await NumbersAsync();
        while (await Schedule.WaitAsync(TimeSpan.FromSeconds(0.4 * random.NextDouble()), stop))
            await _provider.BringAsync(numbers[random.Next(numbers.Count)], $"Hello {random.Next(1000)}", _instances, stop);
    }

    private async Task<List<string>> NumbersAsync()
    {
        await using var connection = await _direct.OpenConnectionAsync();
        return (await connection.QueryAsync<string>(
            """
            SELECT phone_number FROM users WHERE id ~ '^(sleeper_[0-9]|busy_[12]?[0-9]|napper_[0-4]|many_[0-9]{1,2})$' ORDER BY id
            """)).AsList();
    }

    /// <summary>Everybody dies once more; then nothing fails any longer.</summary>
    private async Task EndItAsync()
    {
        _provider.IsOnABadDay = _oracle.IsOnABadDay = _database.AreOut = _callers.AreOut = false;
        await Task.WhenAll(_instances.Select(i => i.KillAsync()));
        if (!_options.IsLong)
            await WindForwardAsync();
    }

    /// <summary>
    /// Two minutes pass for those who wait: leases of the dead, pauses before another try. What really happened, and when, stays as it is, and
    /// so do the rules that reckon from there.
    /// </summary>
    private async Task WindForwardAsync()
    {
        await using var connection = await _direct.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            UPDATE sms_turns SET due_at = due_at - interval '2 minutes' WHERE message_id IS NOT NULL;
            UPDATE sms_gate SET free_at = least(free_at, now()), stopped_until = stopped_until - interval '2 minutes';
            UPDATE message_queue SET scheduled_for = scheduled_for - interval '2 minutes', render_until = render_until - interval '2 minutes'
            WHERE status = 'queued' AND (render_until IS NOT NULL OR reason = 'model_unavailable')
            """);
    }

    private async Task<int> AskAgainAsync(Traffic traffic)
    {
        await StartTwoAsync();
        using var giveUp = new CancellationTokenSource(_options.LastRequests);
        return await traffic.AskAgainAsync(giveUp.Token);
    }

    /// <summary>
    /// Lets two instances work off what there is, and then ends them as an operator would, so that there is nobody left who could still be at
    /// something. An end may come in the middle of something; then they are started once more.
    /// </summary>
    /// <returns>The time at which everything had come to an end; where it never did, that of the last look.</returns>
    private async Task<DateTime> SettleAsync(Checker checker, Func<Task> reportTheRest)
    {
        var patience = Stopwatch.StartNew();
        await WaitAsync();
        await reportTheRest();
        while (true)
        {
            var now = await WaitAsync();
            await Task.WhenAll(_instances.Select(i => i.TerminateAsync()));
            if (patience.Elapsed > _options.Patience || (await checker.FindStuckAsync(now)).Count == 0)
                return now;
            await StartTwoAsync();
        }

        async Task<DateTime> WaitAsync()
        {
            while (true)
            {
                var now = await checker.ReadClockAsync();
                if (patience.Elapsed > _options.Patience || (await checker.FindStuckAsync(now)).Count == 0)
                    return now;
                await Schedule.WaitAsync(TimeSpan.FromMilliseconds(200), CancellationToken.None);
            }
        }
    }

    private Task StartTwoAsync() => Task.WhenAll(_instances.Take(2).Select(StartAsync));

    private async Task StartAsync(Instance instance)
    {
        var skew = Skews[(Interlocked.Increment(ref _starts) + _options.Seed) % Skews.Length];
        await instance.StartAsync(
        [
            ("DATABASE_URL", instance.ConnectionString),
            // Who is killed removes no file of the debugger's.
            ("DOTNET_EnableDiagnostics", "0"),
            ("PROCESS_QUEUE_SCHEDULE", "* * * * * *"),
            ("Orchestrator__BatchSize", "20"),
            .. _provider.Settings,
            .. _oracle.Settings,
        ], skew);
        if (ClockSkew.Library is not null && instance.MeasuredSkew is { } measured)
        {
            lock (_lock)
                _skews.Add((skew, measured));
        }
    }

    /// <summary>Whether clocks were wrong that were to be: else a part of the run was none.</summary>
    private IEnumerable<Breach> WrongClocks() => _skews
        .Where(s => (s.Measured - s.Wanted).Duration() > TimeSpan.FromSeconds(20))
        .Select(s => new Breach("ClocksAreWrong", $"A clock that was to be {s.Wanted} ahead was {s.Measured}"));

    private string Summary() => string.Join(", ",
        Enum.GetValues<Monkey.Fault>().Select(f => $"{f} {_monkey.Count(f)}")
            .Concat(Enum.GetValues<Cut>().Skip(1).Select(c => $"cut {c} {_database.Cuts(c)}+{_callers.Cuts(c)}"))
            .Append($"answers {_ledger.Answers}, lost {_ledger.LostAnswers}")
            .Append($"skews {string.Join(' ', _skews.Select(s => $"{s.Measured.TotalMinutes:F0}").Distinct())} min"));

    private async Task<string> FiguresAsync(NpgsqlConnection connection)
    {
        var statuses = await connection.QueryAsync<(string Status, int Count)>(
            "SELECT status, count(*)::int FROM message_queue GROUP BY status ORDER BY status");
        var sms = await connection.QueryAsync<(string Status, int Count)>(
            "SELECT status, count(*)::int FROM messages WHERE direction = 'outbound' GROUP BY status ORDER BY status");
        return $"{_ledger.Orders.Count} messages asked for; queue {string.Join(", ", statuses.Select(s => $"{s.Count} {s.Status}"))}; "
            + $"SMS {string.Join(", ", sms.Select(s => $"{s.Count} {s.Status}"))}, {_provider.Requests} requests, {_provider.Taken.Count} taken; "
            + $"model {_oracle.Requests} requests";
    }

    private async Task SaveLogsAsync()
    {
        if (Environment.GetEnvironmentVariable("CHAOS_LOGS") is not { Length: > 0 } folder)
            return;
        Directory.CreateDirectory(folder);
        foreach (var (number, instance) in _instances.Index())
            await File.WriteAllTextAsync(Path.Combine(folder, $"{_options.Seed}-{number}.log"), string.Join("\n-- the next process\n", instance.Outputs));
    }

    private int SeedOf(string part) => Seeds.Of(_options.Seed, part);
}
