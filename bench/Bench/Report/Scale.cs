namespace Orchestrator.Bench.Report;

/// <summary>Where values lie in a picture.</summary>
/// <param name="From">The first value, transformed.</param>
/// <param name="To">The last value, transformed.</param>
/// <param name="Start">The place of the first.</param>
/// <param name="End">The place of the last.</param>
/// <param name="Transform">Makes the scale linear.</param>
/// <param name="Marked">The values that are marked.</param>
internal sealed record Scale(double From, double To, double Start, double End, Func<double, double> Transform, IReadOnlyList<double> Marked)
{
    /// <summary>The marked values and their places.</summary>
    public IEnumerable<(double Value, double At)> Ticks => Marked.Select(value => (value, Place(value)));

    public double Place(double value) => Start + ((Transform(value) - From) / (To - From) * (End - Start));
}
