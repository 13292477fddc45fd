using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>Plain occasions to start from.</summary>
internal static class Given
{
    /// <summary>A Monday afternoon.</summary>
    public static readonly LocalDateTime Now = new(2025, 11, 3, 14, 5);

    public static Occasion Content(string content = "Your table for two is booked for tonight at eight.") =>
        new() { Content = content, QueuedAt = Now.PlusHours(-3), Now = Now, FirstName = "Ann" };

    public static Occasion Data(string data = """{"event":"table_booked","people":2,"at":"2025-11-03T20:00:00-05:00"}""") =>
        Content() with { Content = null, Data = data };

    public static Turn Said(string text, int minutesAgo = 10, Speaker by = Speaker.Person) =>
        new(by, Now.PlusMinutes(-minutesAgo), text, SinceQueued: minutesAgo < 180);
}
