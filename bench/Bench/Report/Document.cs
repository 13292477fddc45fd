using System.Globalization;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Report;

/// <summary>The page on benchmarks: what people have written in the template, and what was measured where it has gaps.</summary>
/// <param name="machine">On what it was measured, in Markdown.</param>
internal sealed class Document(string machine)
{
    private readonly List<Section> _sections = [];

    /// <summary>On what it was measured.</summary>
    public string Machine => machine;

    /// <summary>The table of goals, as far as the parts that ran have any.</summary>
    public string Goals => _sections.SelectMany(section => section.Result.Goals).ToList() is { Count: > 0 } goals ? Goal.ToTable(goals).ToString() : "";

    public void Add(Section section) => _sections.Add(section);

    /// <summary>Writes <c>benchmarks.md</c>, and the plots into a folder beside it.</summary>
    public async Task WriteAsync(string folder)
    {
        var plots = Directory.CreateDirectory(Path.Combine(folder, "benchmarks")).FullName;
        foreach (var plot in _sections.SelectMany(section => section.Result.Plots))
            await File.WriteAllTextAsync(Path.Combine(plots, plot.FileName), plot.ToSvg());

        var text = Script.Read("benchmarks.template")
            .Replace("{{date}}", DateTime.UtcNow.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), StringComparison.Ordinal)
            .Replace("{{machine}}", machine, StringComparison.Ordinal)
            .Replace("{{goals}}", Goals, StringComparison.Ordinal)
            .Replace("{{results}}", string.Join('\n', _sections).TrimEnd(), StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(folder, "benchmarks.md"), text);
    }
}
