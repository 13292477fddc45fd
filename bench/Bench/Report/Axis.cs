using System.Globalization;

namespace Orchestrator.Bench.Report;

/// <summary>An axis of a plot.</summary>
/// <param name="Label">What it shows, with the unit.</param>
internal sealed record Axis(string Label)
{
    private static readonly double[] RoundFactors = [1, 2, 5, 10];

    /// <summary>The values that are marked, on a scale of powers; null: a linear scale from zero, with round values marked.</summary>
    public IReadOnlyList<double>? Powers { get; init; }

    /// <summary>The axis for values from one to another, laid between two places.</summary>
    public Scale Over(double from, double to, double start, double end)
    {
        if (Powers is not null)
        {
            // A little air, so that the outermost points do not stand on the frame.
            var air = 0.06 * (end - start);
            return new Scale(Math.Log10(from), Math.Max(Math.Log10(to), Math.Log10(from) + 0.01), start + air, end - air, Math.Log10, Powers);
        }

        var step = RoundStep(to / 5);
        var steps = (int)Math.Ceiling(to / step);
        return new Scale(0, steps * step, start, end, value => value, [.. Enumerable.Range(0, steps + 1).Select(i => i * step)]);
    }

    /// <summary>A value as it is marked: 5k, 1.5M.</summary>
    public static string Format(double value) => value switch
    {
        >= 1e6 => (value / 1e6).ToString("0.#", CultureInfo.InvariantCulture) + "M",
        >= 1e3 => (value / 1e3).ToString("0.#", CultureInfo.InvariantCulture) + "k",
        _ => value.ToString("0.##", CultureInfo.InvariantCulture),
    };

    private static double RoundStep(double least)
    {
        var power = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(least, 1e-9))));
        return RoundFactors.Select(factor => factor * power).First(step => step >= least * 0.999);
    }
}
