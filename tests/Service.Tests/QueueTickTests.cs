using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Messages;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Tests;

/// <summary>Ticks, and what is dispatched between them.</summary>
public sealed class QueueTickTests(PostgresServer server) : IAsyncLifetime
{
    private readonly DatabaseReadiness _readiness = new();
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        _db.Alarm = new QueueAlarm(new TimeThatPassesWhenWaitedFor(_db));
        _readiness.Declare();
        await _db.AddUsersAsync("ann", "bob");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private Task TickAsync() => new QueueTick(_db.NewDispatcher(), _readiness, NullLogger<QueueTick>.Instance).RunAsync(TestContext.Current.CancellationToken);

    /// <summary>Runs the loop until the condition holds.</summary>
    private async Task WakeUntilAsync(Func<Task<bool>> condition)
    {
        using var loop = new WakeLoop(_db.NewDispatcher(), _db.Alarm, _readiness, new TimeThatPassesWhenWaitedFor(_db), NullLogger<WakeLoop>.Instance);
        await loop.StartAsync(TestContext.Current.CancellationToken);
        while (!await condition())
            await Task.Yield();
        await loop.StopAsync(TestContext.Current.CancellationToken);
    }

    private async Task<bool> HaveGoneAsync(int messages) => await _db.SingleAsync<int>("SELECT count(*)::int FROM messages") == messages;

    private Task<IReadOnlyList<Instant>> TimesAsync() => _db.QueryAsync<Instant>("SELECT created_at FROM messages ORDER BY created_at");

    [Fact]
    public async Task What_a_tick_leaves_for_later_goes_at_its_own_time_and_no_tick_is_waited_for()
    {
        for (var i = 0; i < 5; i++)
            await _db.QueueAsync("ann");
        var noon = _db.Now;

        await TickAsync();
        await WakeUntilAsync(() => HaveGoneAsync(5));

        var times = await TimesAsync();
        times.Select((time, i) => time - noon - Duration.FromSeconds(30 * i)).ShouldAllBe(late => late >= Duration.Zero && late < Duration.FromMilliseconds(100));
    }

    [Fact]
    public async Task A_message_that_is_due_when_it_is_scheduled_goes_at_once_and_one_for_later_at_its_time()
    {
        var noon = _db.Now;
        await _db.ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        await _db.NewGroupScheduler().ScheduleAsync(
            Some.Request("bob") with { Lane = Lane.High, ScheduledFor = noon + Duration.FromMinutes(7) }, key: null, dryRun: false, TestContext.Current.CancellationToken);

        await WakeUntilAsync(() => HaveGoneAsync(2));

        var times = await TimesAsync();
        (times[0] - noon).ShouldBeLessThan(Duration.FromMilliseconds(100));
        (times[1] - noon - Duration.FromMinutes(7)).ShouldBeInRange(Duration.Zero, Duration.FromMilliseconds(100));
    }

    [Fact]
    public async Task A_message_that_is_moved_forward_goes_at_its_new_time()
    {
        var noon = _db.Now;
        var id = await _db.ScheduledIdAsync(Some.Request("ann") with { Lane = Lane.High, ScheduledFor = noon + Duration.FromHours(20) });

        await _db.NewChanges().ChangeAsync(
            id, new ChangeRequest { Fields = ["scheduledFor"], ScheduledFor = new(noon + Duration.FromMinutes(1)) }, TestContext.Current.CancellationToken);
        await WakeUntilAsync(() => HaveGoneAsync(1));

        ((await TimesAsync())[0] - noon - Duration.FromMinutes(1)).ShouldBeInRange(Duration.Zero, Duration.FromMilliseconds(100));
    }

    [Fact]
    public async Task Only_ticks_dispatch_where_it_is_so_configured()
    {
        _db.Settings = _db.Settings with { WakesBetweenTicks = false };
        await _db.QueueAsync("ann", scheduledFor: _db.Now + Duration.FromSeconds(5));

        await TickAsync();

        using var patience = new CancellationTokenSource();
        var wait = _db.Alarm.WaitAsync(patience.Token);
        wait.IsCompleted.ShouldBeFalse();
        await patience.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => wait);
    }

    [Fact]
    public async Task A_wake_that_decides_nothing_is_not_told_of_and_a_tick_always_is()
    {
        var told = new List<string>();
        _db.Loggers = LoggerFactory.Create(logging => logging.AddProvider(new Told(told)));

        await _db.NewDispatcher().WakeAsync(TestContext.Current.CancellationToken);
        told.ShouldBeEmpty();

        await _db.NewDispatcher().RunOnceAsync(TestContext.Current.CancellationToken);
        told.Count.ShouldBe(2);
    }

    private sealed class Told(List<string> lines) : ILoggerProvider, ILogger
    {
        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            lines.Add(formatter(state, exception));

        public void Dispose()
        {
        }
    }
}
