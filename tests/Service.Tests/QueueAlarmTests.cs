using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.Tests;

public sealed class QueueAlarmTests
{
    private readonly QueueAlarm _alarm = new(TimeProvider.System);

    private Task WaitAsync() => _alarm.WaitAsync(TestContext.Current.CancellationToken);

    [Fact]
    public async Task What_is_set_before_the_wait_is_not_lost_and_what_is_set_twice_wakes_once()
    {
        _alarm.Set(Duration.Zero);
        _alarm.Set(-Duration.FromDays(1));

        await WaitAsync();

        WaitAsync().IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task The_earliest_time_counts_also_when_it_is_set_last()
    {
        _alarm.Set(Duration.FromMinutes(50));
        var wait = WaitAsync();
        _alarm.Set(Duration.FromMinutes(55));
        wait.IsCompleted.ShouldBeFalse();

        _alarm.Set(Duration.FromMilliseconds(1));

        await wait;
    }

    [Fact]
    public void What_is_far_off_is_no_trouble_to_the_timer()
    {
        _alarm.Set(Duration.FromDays(1_000_000));
        _alarm.Set(NodaTime.Instant.MaxValue - NodaTime.Instant.FromUtc(2025, 1, 1, 0, 0));

        WaitAsync().IsCompleted.ShouldBeFalse();
    }

    [Fact]
    public async Task Whatever_is_set_while_somebody_wakes_wakes_again()
    {
        var wakes = 0;
        using var enough = new CancellationTokenSource();
        var sleeper = Task.Run(WakeAsync, TestContext.Current.CancellationToken);

        for (var i = 1; i <= 1000; i++)
        {
            var before = Volatile.Read(ref wakes);
            _alarm.Set(Duration.Zero);
            while (Volatile.Read(ref wakes) == before)
                await Task.Yield();
        }

        await enough.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => sleeper);

        async Task WakeAsync()
        {
            while (!enough.IsCancellationRequested)
            {
                await _alarm.WaitAsync(enough.Token);
                Interlocked.Increment(ref wakes);
            }
        }
    }
}
