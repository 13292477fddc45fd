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

    /// <summary>The greatest of some figures, run by run; null where there are none.</summary>
    public static Figure? Greatest(string name, IReadOnlyList<Figure> figures) => figures.Count == 0 ? null
        : new Figure(name, figures[0].Unit, [.. Enumerable.Range(0, figures[0].Values.Count).Select(run => figures.Max(figure => figure.Values[run]))]);

    /// <summary>The value below which the given part (0–1) of the values lies.</summary>
    public static double Percentile(IEnumerable<double> values, double part)
    {
        double[] sorted = [.. values.Order()];
        return sorted[Math.Min((int)(part * sorted.Length), sorted.Length - 1)];
    }

    /// <summary>A value with three digits or so.</summary>
    public static string Format(double value) =>
        value.ToString(value >= 1000 ? "#,0" : value >= 100 ? "0" : value >= 10 ? "0.0" : "0.00", CultureInfo.InvariantCulture);

    /// <summary>The median with its unit, for a sentence or a table of other things.</summary>
    public override string ToString() => $"{Format(Median)} {Unit}";
}
