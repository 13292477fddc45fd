using NodaTime;

namespace Orchestrator.Core;

/// <summary>When something is tried again with the SMS provider. Each wait is longer than the one before, and each has a bound.</summary>
public static class SmsRetries
{
    private static readonly Duration[] Waits =
        [Duration.FromMinutes(1), Duration.FromMinutes(5), Duration.FromMinutes(15), Duration.FromHours(1), Duration.FromHours(4)];

    private static readonly Duration LongestRetryAfter = Duration.FromHours(4);

    private static readonly Duration LongestPause = Duration.FromMinutes(15);

    private static readonly Duration FirstStop = Duration.FromSeconds(15);

    private static readonly Duration LongestStop = Duration.FromMinutes(5);

    private static readonly Duration FirstLook = Duration.FromSeconds(5);

    private static readonly Duration LongestLook = Duration.FromMinutes(15);

    /// <summary>When a message is tried again; null: never, its tries are used up.</summary>
    /// <param name="tries">How many tries there have been, from 1.</param>
    /// <param name="most">How many may be made.</param>
    /// <param name="retryAfter">How long the provider wants to be left alone; null: it does not say. It lengthens the wait, never shortens it.</param>
    /// <param name="now">The time.</param>
    public static Instant? NextTry(int tries, int most, Duration? retryAfter, Instant now) => tries >= most ? null
        : now + Duration.Max(Waits[Math.Clamp(tries - 1, 0, Waits.Length - 1)], Duration.Min(retryAfter ?? Duration.Zero, LongestRetryAfter));

    /// <summary>How long nobody makes a request, where the provider wants fewer of them.</summary>
    /// <param name="retryAfter">How long it wants to be left alone.</param>
    public static Duration Pause(Duration retryAfter) => Duration.Min(retryAfter, LongestPause);

    /// <summary>How long nothing is sent at all, where the provider is out of reach or refuses everything.</summary>
    /// <param name="stops">How many such stops there were in a row before.</param>
    public static Duration Stop(int stops) => Duration.Min(FirstStop * (1 << Math.Clamp(stops, 0, 10)), LongestStop);

    /// <summary>
    /// When the provider is asked again whether it took a request that it never answered. The longer that is unknown, the seldomer.
    /// </summary>
    public static Instant NextLook(Instant requestedAt, Instant now)
    {
        var half = (now - requestedAt) / 2;
        return now + Duration.Max(FirstLook, Duration.Min(half, LongestLook));
    }
}
