using System.Text;
using Orchestrator.Bench.Measuring;

namespace Orchestrator.Bench.Report;

/// <summary>A table in Markdown.</summary>
/// <param name="Caption">A line above it; empty: none.</param>
/// <param name="Columns">The heads of its columns.</param>
/// <param name="Rows">Its rows, a text a column.</param>
internal sealed record Table(string Caption, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>From this column on, all hold numbers and stand to the right.</summary>
    public int NumbersFrom { get; init; } = 1;

    /// <summary>Figures with their median, least and greatest value.</summary>
    public static Table Of(IEnumerable<Figure> figures) => new(
        "", ["what", "median", "min", "max", "unit"],
        [.. figures.Select(figure => (IReadOnlyList<string>)
            [figure.Name, Figure.Format(figure.Median), Figure.Format(figure.Values.Min()), Figure.Format(figure.Values.Max()), figure.Unit])]);

    public override string ToString()
    {
        var text = new StringBuilder(Caption.Length > 0 ? $"{Caption}\n\n" : "");
        text.Append($"| {string.Join(" | ", Columns)} |\n|");
        for (var column = 0; column < Columns.Count; column++)
            text.Append(column >= NumbersFrom && Columns[column] != "unit" ? "---:|" : "---|");
        foreach (var row in Rows)
            text.Append($"\n| {string.Join(" | ", row)} |");
        return text.ToString();
    }
}
