using Orchestrator.Bench.Measuring;

namespace Orchestrator.Bench.Report;

/// <summary>A goal, and whether it was met.</summary>
/// <param name="What">What is measured.</param>
/// <param name="Target">What is to be reached, with its unit.</param>
/// <param name="Measured">What was reached; null: nothing to compare with.</param>
/// <param name="IsMet">Whether that is enough; null: not known.</param>
internal sealed record Goal(string What, string Target, string? Measured, bool? IsMet)
{
    /// <summary>The figure's median is to be no less; without a figure nobody knows.</summary>
    public static Goal AtLeast(string what, string target, Figure? figure, double limit) =>
        new(what, target, figure?.ToString(), figure is null ? null : figure.Median >= limit);

    /// <summary>The figure's median is to be no more.</summary>
    public static Goal AtMost(string what, string target, Figure figure, double limit) => new(what, target, figure.ToString(), figure.Median <= limit);

    /// <summary>The goals as a table in Markdown.</summary>
    public static Table ToTable(IEnumerable<Goal> goals) => new(
        "", ["what", "goal", "measured", "met"],
        [.. goals.Select(goal => (IReadOnlyList<string>)[goal.What, goal.Target, goal.Measured ?? "not measured", goal.IsMet switch { true => "yes", false => "no", null => "–" }])])
    {
        NumbersFrom = int.MaxValue,
    };
}
