namespace Orchestrator.Bench.Report;

/// <summary>Points of one kind in a plot.</summary>
/// <param name="Name">What they are.</param>
/// <param name="Points">Where they are, from left to right.</param>
internal sealed record Series(string Name, IReadOnlyList<(double X, double Y)> Points)
{
    /// <summary>Whether they are many, and stand for themselves; otherwise a line goes through them.</summary>
    public bool IsCloud { get; init; }
}
