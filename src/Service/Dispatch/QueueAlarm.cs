using NodaTime;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// When this instance next looks at the queue by itself. Whoever of the same process stores or moves a message sets it. A hint that saves
/// a wait and nothing more: what waits is in the database, and every tick looks there.
/// </summary>
/// <param name="time">Measures the wait; what the time of day is, the database says.</param>
public sealed class QueueAlarm(TimeProvider time)
{
    /// <summary>A time that is further off is looked at again then; timers have bounds of their own.</summary>
    private static readonly Duration Longest = Duration.FromHours(1);

    private readonly Lock _gate = new();
    private long _at = long.MaxValue;
    private TaskCompletionSource _moved = NewSource();

    /// <summary>Wakes whoever waits after this time, if nothing does before.</summary>
    /// <param name="after">How long from now, by the database's clock; zero or less: at once.</param>
    public void Set(Duration after)
    {
        var at = time.GetTimestamp() + (long)(Duration.Max(Duration.Min(after, Longest), Duration.Zero).TotalSeconds * time.TimestampFrequency);
        lock (_gate)
        {
            if (at >= _at)
                return;
            _at = at;
            _moved.TrySetResult();
        }
    }

    /// <summary>Returns when the time has come, and clears it: what is set from then on is for the next wait.</summary>
    /// <exception cref="OperationCanceledException">The wait was ended.</exception>
    public async Task WaitAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            TimeSpan wait;
            Task moved;
            lock (_gate)
            {
                wait = _at == long.MaxValue ? Timeout.InfiniteTimeSpan : Remaining();
                if (wait <= TimeSpan.Zero && _at != long.MaxValue)
                {
                    _at = long.MaxValue;
                    return;
                }

                if (_moved.Task.IsCompleted)
                    _moved = NewSource();
                moved = _moved.Task;
            }

            using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(moved, Task.Delay(wait, time, ended.Token));
            await ended.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    // A timer counts whole milliseconds, and one that came early would have to be set again.
    private TimeSpan Remaining() => time.GetElapsedTime(time.GetTimestamp(), _at) is { Ticks: > 0 } left
        ? TimeSpan.FromMilliseconds(Math.Ceiling(left.TotalMilliseconds)) : TimeSpan.Zero;

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
