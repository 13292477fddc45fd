using NodaTime;

namespace Orchestrator.Core;

/// <summary>When the model is asked again for a message that it failed for.</summary>
public static class RenderRetries
{
    /// <summary>How often one message is judged: a person, or a program, that writes again and again while it is, must not cost a call each for ever.</summary>
    public const int MostVerdicts = 10;

    private static readonly Duration[] Waits = [Duration.FromSeconds(5), Duration.FromSeconds(30), Duration.FromMinutes(2)];

    private static readonly Duration LongestRetryAfter = Duration.FromMinutes(5);

    private static readonly Duration ShortestPause = Duration.FromSeconds(10);

    /// <summary>When; null: no more. Then a message with content goes out as it is, and one without fails.</summary>
    /// <param name="failures">How often in a row the model has failed, this time included, from 1.</param>
    /// <param name="retryAfter">How long the model wants to be left alone; null: it does not say. It lengthens the wait, never shortens it.</param>
    /// <param name="now">The time.</param>
    public static Instant? Next(int failures, Duration? retryAfter, Instant now) => failures > Waits.Length
        ? null
        : now + Duration.Max(Waits[failures - 1], Duration.Min(retryAfter ?? Duration.Zero, LongestRetryAfter));

    /// <summary>When a message is put before the model that met it while it is left alone, or asks to be: that is no try.</summary>
    /// <param name="retryAfter">How long the model wants to be left alone; null: it does not say.</param>
    /// <param name="now">The time.</param>
    public static Instant AfterPause(Duration? retryAfter, Instant now) =>
        now + Duration.Max(ShortestPause, Duration.Min(retryAfter ?? Duration.Zero, LongestRetryAfter));
}
