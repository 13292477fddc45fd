using System.Globalization;
using System.Text.RegularExpressions;

namespace Orchestrator.EndToEnd.Tests.Telemetry;

/// <summary>A page in Prometheus' text format, read as strictly as Prometheus does, and a little more.</summary>
internal sealed partial class MetricsPage
{
    private readonly Dictionary<string, string> _types = new(StringComparer.Ordinal);

    private readonly Dictionary<string, double> _samples = new(StringComparer.Ordinal);

    private MetricsPage()
    {
    }

    /// <summary>The names of the families.</summary>
    public IReadOnlyCollection<string> Families => _types.Keys;

    /// <summary>The sum of all samples of the name with these labels.</summary>
    public double this[string name, params (string Label, string Value)[] labels] => _samples
        .Where(s => s.Key.StartsWith($"{name}{{", StringComparison.Ordinal) && labels.All(l => s.Key.Contains($",{l.Label}=\"{l.Value}\",", StringComparison.Ordinal)))
        .Sum(s => s.Value);

    /// <summary>Whether there is such a sample.</summary>
    public bool Has(string name) => _samples.Keys.Any(key => key.StartsWith($"{name}{{", StringComparison.Ordinal));

    /// <exception cref="FormatException">It is not in the format.</exception>
    public static MetricsPage Parse(string text)
    {
        if (!text.EndsWith('\n'))
            throw new FormatException("The last line does not end.");

        var page = new MetricsPage();
        var helped = new HashSet<string>(StringComparer.Ordinal);
        var family = "";
        foreach (var line in text[..^1].Split('\n'))
        {
            if (HelpLine().Match(line) is { Success: true } help)
            {
                family = help.Groups["name"].Value;
                if (!helped.Add(family))
                    throw new FormatException($"{family} comes twice.");
            }
            else if (TypeLine().Match(line) is { Success: true } type)
            {
                if (type.Groups["name"].Value != family || !page._types.TryAdd(family, type.Groups["type"].Value))
                    throw new FormatException($"A type out of place: {line}");
            }
            else if (SampleLine().Match(line) is { Success: true } sample)
            {
                page.Add(family, sample);
            }
            else
            {
                throw new FormatException($"Not a line of the format: {line}");
            }
        }

        return page;
    }

    private void Add(string family, Match sample)
    {
        var name = sample.Groups["name"].Value;
        string[] allowed = _types[family] == "histogram" ? [$"{family}_bucket", $"{family}_sum", $"{family}_count"] : [family];
        if (!allowed.Contains(name) || (_types[family] == "counter" && !name.EndsWith("_total", StringComparison.Ordinal)))
            throw new FormatException($"{name} does not belong to {family}, a {_types[family]}.");

        var value = sample.Groups["value"].Value is "+Inf" ? double.PositiveInfinity
            : double.Parse(sample.Groups["value"].Value, NumberStyles.Float, CultureInfo.InvariantCulture);
        if (!_samples.TryAdd($"{name}{{,{sample.Groups["labels"].Value},", value))
            throw new FormatException($"One sample twice: {sample.Value}");
    }

    [GeneratedRegex(@"^# HELP (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) .*$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex HelpLine();

    [GeneratedRegex(@"^# TYPE (?<name>[a-zA-Z_:][a-zA-Z0-9_:]*) (?<type>counter|gauge|histogram)$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex TypeLine();

    [GeneratedRegex(@"^(?<name>[a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?<labels>[a-zA-Z_][a-zA-Z0-9_]*=""([^""\\]|\\[\\""n])*""(,[a-zA-Z_][a-zA-Z0-9_]*=""([^""\\]|\\[\\""n])*"")*)\})? (?<value>[-+0-9.eE]+|\+Inf|NaN)$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SampleLine();
}
