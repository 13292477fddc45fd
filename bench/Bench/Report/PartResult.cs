using Orchestrator.Bench.Measuring;

namespace Orchestrator.Bench.Report;

/// <summary>What a part has found.</summary>
/// <param name="Figures">What was measured, run by run.</param>
internal sealed record PartResult(IReadOnlyList<Figure> Figures)
{
    /// <summary>The goals that it speaks of.</summary>
    public IReadOnlyList<Goal> Goals { get; init; } = [];

    /// <summary>What does not fit into figures.</summary>
    public IReadOnlyList<Table> Tables { get; init; } = [];

    /// <summary>Sentences below it all.</summary>
    public IReadOnlyList<string> Notes { get; init; } = [];

    /// <summary>Pictures.</summary>
    public IReadOnlyList<Plot> Plots { get; init; } = [];
}
