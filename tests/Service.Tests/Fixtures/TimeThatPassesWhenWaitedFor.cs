namespace Orchestrator.Service.Tests;

/// <summary>Nobody sleeps: whoever waits finds the time passed, in the database too.</summary>
internal sealed class TimeThatPassesWhenWaitedFor(TestDatabase db) : TimeProvider
{
    public override long TimestampFrequency => NodaConstants.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => db.Now.ToDateTimeOffset();

    public override long GetTimestamp() => db.Now.ToUnixTimeTicks();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        if (dueTime > TimeSpan.Zero)
            db.Now += Duration.FromTimeSpan(dueTime);
        return System.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? TimeSpan.Zero : dueTime, period);
    }
}
