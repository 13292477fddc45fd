namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>The times of the chaos itself: when something happens next.</summary>
internal static class Schedule
{
    /// <summary>Waits; false where it was told to stop, before or meanwhile.</summary>
    public static async Task<bool> WaitAsync(TimeSpan time, CancellationToken stop)
    {
        await Task.Delay(time, stop).ContinueWith(_ => { }, TaskScheduler.Default);
        return !stop.IsCancellationRequested;
    }
}
