namespace Orchestrator.Bench.Report;

/// <summary>A part's results under its name, in Markdown.</summary>
/// <param name="Name">The part's name.</param>
/// <param name="Result">What it has found.</param>
internal sealed record Section(string Name, PartResult Result)
{
    public override string ToString()
    {
        IEnumerable<Table> figures = Result.Figures.Count > 0 ? [Table.Of(Result.Figures)] : [];
        return $"### {Name}\n\n{string.Join("\n\n", [.. figures.Concat(Result.Tables).Select(table => table.ToString()), .. Result.Notes])}\n";
    }
}
