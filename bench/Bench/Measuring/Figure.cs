using System.Globalization;

namespace Orchestrator.Bench.Measuring;

/// <summary>One measured quantity, run by run.</summary>
/// <param name="Name">What was measured.</param>
/// <param name="Unit">The unit of the values.</param>
/// <param name="Values">One value a run.</param>
internal sealed record Figure(string Name, string Unit, IReadOnlyList<double> Values)
{
    public double Median => Percentile(Values, 0.5);

    /// <summary>The quotient of two figures, run by run: what else the machine does meets both alike.</summary>
    public static Figure Ratio(string name, Figure figure, Figure to) =>
        new(name, "×", [.. figure.Values.Zip(to.Values, (value, other) => value / other)]);

    /// <summary>The value below which the given part (0–1) of the values lies.</summary>
    public static double Percentile(IEnumerable<double> values, double part)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Min((int)(part * sorted.Length), sorted.Length - 1)];
    }

    /// <summary>The figure as a row of a table in Markdown.</summary>
    public override string ToString() => $"| {Name} | {Format(Median)} | {Format(Values.Min())} | {Format(Values.Max())} | {Unit} |";

    private static string Format(double value) =>
        value.ToString(value >= 1000 ? "#,0" : value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);
}
