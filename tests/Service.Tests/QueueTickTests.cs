using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Tests;

public sealed class QueueTickTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private async Task TickAsync(string schedule)
    {
        _db.Settings = _db.Settings with { ProcessQueueSchedule = schedule };
        var readiness = new DatabaseReadiness();
        readiness.Declare();
        var tick = new QueueTick(_db.NewDispatcher(), readiness, _db.Settings, new TimeThatPassesWhenWaitedFor(_db), NullLogger<QueueTick>.Instance);
        await tick.RunAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Messages_that_become_due_between_two_ticks_go_at_their_own_time()
    {
        await _db.AddUsersAsync("ann");
        for (var i = 0; i < 6; i++)
            await _db.QueueAsync("ann");
        var noon = _db.Now;

        await TickAsync("0 */2 * * * *");

        // The fifth is due at the next tick itself, which takes it.
        (await _db.QueryAsync<Instant>("SELECT created_at FROM messages ORDER BY created_at"))
            .ShouldBe(Enumerable.Range(0, 4).Select(i => noon + Duration.FromSeconds(30 * i)));
    }

    [Fact]
    public async Task A_tick_ends_at_once_where_nothing_becomes_due_before_the_next()
    {
        await _db.AddUsersAsync("ann");
        await _db.QueueAsync("ann", Lane.High, scheduledFor: _db.Now + Duration.FromHours(1));
        var noon = _db.Now;

        await TickAsync("*/30 * * * * *");

        _db.Now.ShouldBe(noon);
    }

    /// <summary>Nobody sleeps: whoever waits finds the time passed.</summary>
    private sealed class TimeThatPassesWhenWaitedFor(TestDatabase db) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => db.Now.ToDateTimeOffset();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            db.Now += Duration.FromTimeSpan(dueTime);
            return System.CreateTimer(callback, state, TimeSpan.Zero, period);
        }
    }
}
