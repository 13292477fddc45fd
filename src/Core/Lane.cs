namespace Orchestrator.Core;

/// <summary>The priority of a queued message; the lower value goes first.</summary>
public enum Lane
{
    /// <summary>Dispatched inside the request that schedules it.</summary>
    Urgent = 0,

    /// <summary>Due at once.</summary>
    High = 1,

    /// <summary>At the user's best time.</summary>
    Medium = 2,

    /// <summary>As <see cref="Medium"/>, and put off while the queue is busy.</summary>
    Low = 3,
}

/// <summary>The names of the lanes, as the API and the database spell them.</summary>
public static class Lanes
{
    private static readonly string[] Texts = ["urgent", "high", "medium", "low"];

    /// <summary>All names, best lane first.</summary>
    public static IReadOnlyList<string> Names => Texts;

    /// <summary>The lane's name: <c>urgent</c>, <c>high</c>, <c>medium</c> or <c>low</c>.</summary>
    public static string Name(this Lane lane) => Texts[(int)lane];

    /// <summary>The lane of that exact name, or null where there is none.</summary>
    public static Lane? Parse(string? name) => Array.IndexOf(Texts, name) is >= 0 and var index ? (Lane)index : null;
}
