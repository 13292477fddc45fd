namespace Orchestrator.Service.Tests.Rendering;

/// <summary>Time that passes when it is told to.</summary>
internal sealed class ManualTime : TimeProvider
{
    private readonly Lock _lock = new();
    private readonly List<ManualTimer> _timers = [];
    private DateTimeOffset _now = new(2025, 11, 3, 19, 5, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _now.Ticks;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new ManualTimer(this, () => callback(state), _now + dueTime);
        lock (_lock)
            _timers.Add(timer);
        return timer;
    }

    public void Pass(TimeSpan time)
    {
        _now += time;
        ManualTimer[] due;
        lock (_lock)
        {
            due = [.. _timers.Where(t => t.DueAt <= _now)];
            _timers.RemoveAll(t => t.DueAt <= _now);
        }

        foreach (var timer in due)
            timer.Callback();
    }

    private sealed record ManualTimer(ManualTime Time, Action Callback, DateTimeOffset DueAt) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period) => true;

        public void Dispose()
        {
            lock (Time._lock)
                Time._timers.Remove(this);
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
