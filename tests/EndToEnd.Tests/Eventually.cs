using System.Diagnostics;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>Waits for conditions of other processes, which tell nobody when they come true.</summary>
internal static class Eventually
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Returns as soon as the condition holds; fails where it does not in time.</summary>
    public static async Task HoldsAsync(Func<Task<bool>> condition, string description)
    {
        using var poll = new PeriodicTimer(TimeSpan.FromMilliseconds(25));
        for (var watch = Stopwatch.StartNew(); !await condition(); await poll.WaitForNextTickAsync())
            watch.Elapsed.ShouldBeLessThan(Patience, $"waiting until {description}");
    }

    /// <summary>For tasks whose end somebody else watches.</summary>
    public static void Forget(this Task task) => _ = task;
}
