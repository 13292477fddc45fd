using System.Globalization;
using System.Text;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Orchestrator.Service.Telemetry;

/// <summary>
/// Writes metrics in Prometheus' text format, version 0.0.4, with the names that OpenTelemetry's specification gives them there: dots
/// become underscores, units and <c>_total</c> come last.
/// </summary>
internal static class PrometheusText
{
    /// <summary>The format, as a content type.</summary>
    public const string ContentType = "text/plain; version=0.0.4; charset=utf-8";

    /// <summary>The text of a collection.</summary>
    public static string Write(in Batch<Metric> metrics, Resource resource)
    {
        var text = new StringBuilder(16_384);
        WriteTarget(text, resource);
        var written = new HashSet<string>(StringComparer.Ordinal);
        foreach (var metric in metrics)
        {
            var name = NameOf(metric.Name, metric.Unit, IsCounter(metric.MetricType));
            // Two meters with one instrument name would make one family twice, which no reader takes.
            if (written.Add(name))
                Write(text, name, metric);
        }

        return text.ToString();
    }

    /// <summary>The name of an instrument in this format.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="unit">Its unit, as UCUM writes it; a word in braces is none.</param>
    /// <param name="isCounter">Whether it only grows.</param>
    public static string NameOf(string name, string? unit, bool isCounter)
    {
        var plain = Sanitize(name);
        var suffix = unit switch
        {
            "s" => "_seconds",
            "ms" => "_milliseconds",
            "By" => "_bytes",
            _ => "",
        };
        if (!plain.EndsWith(suffix, StringComparison.Ordinal))
            plain += suffix;
        return isCounter && !plain.EndsWith("_total", StringComparison.Ordinal) ? plain + "_total" : plain;
    }

    private static void Write(StringBuilder text, string name, Metric metric)
    {
        var isHistogram = metric.MetricType == MetricType.Histogram;
        text.Append("# HELP ").Append(name).Append(' ').Append(Escape(metric.Description, quotes: false)).Append('\n')
            .Append("# TYPE ").Append(name).Append(' ').Append(isHistogram ? "histogram" : IsCounter(metric.MetricType) ? "counter" : "gauge").Append('\n');
        foreach (ref readonly var point in metric.GetMetricPoints())
        {
            if (isHistogram)
                WriteHistogram(text, name, point);
            else
                Sample(text, name, point.Tags, null, ValueOf(metric.MetricType, point));
        }
    }

    private static void WriteHistogram(StringBuilder text, string name, in MetricPoint point)
    {
        long count = 0;
        foreach (var bucket in point.GetHistogramBuckets())
        {
            count += bucket.BucketCount;
            Sample(text, name + "_bucket", point.Tags, Number(bucket.ExplicitBound), count.ToString(CultureInfo.InvariantCulture));
        }

        Sample(text, name + "_sum", point.Tags, null, Number(point.GetHistogramSum()));
        Sample(text, name + "_count", point.Tags, null, point.GetHistogramCount().ToString(CultureInfo.InvariantCulture));
    }

    private static void WriteTarget(StringBuilder text, Resource resource)
    {
        text.Append("# HELP target_info What is measured.\n# TYPE target_info gauge\ntarget_info");
        var separator = '{';
        foreach (var (key, value) in resource.Attributes)
            Label(text, ref separator, key, value);
        text.Append(separator == '{' ? " 1\n" : "} 1\n");
    }

    private static void Sample(StringBuilder text, string name, ReadOnlyTagCollection tags, string? bound, string value)
    {
        text.Append(name);
        var separator = '{';
        foreach (var (key, tag) in tags)
            Label(text, ref separator, key, tag);
        if (bound is not null)
            Label(text, ref separator, "le", bound);
        if (separator == ',')
            text.Append('}');
        text.Append(' ').Append(value).Append('\n');
    }

    private static void Label(StringBuilder text, ref char separator, string key, object? value)
    {
        text.Append(separator).Append(Sanitize(key)).Append("=\"")
            .Append(Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "", quotes: true)).Append('"');
        separator = ',';
    }

    private static string ValueOf(MetricType type, in MetricPoint point) => type switch
    {
        MetricType.LongSum or MetricType.LongSumNonMonotonic => point.GetSumLong().ToString(CultureInfo.InvariantCulture),
        MetricType.DoubleSum or MetricType.DoubleSumNonMonotonic => Number(point.GetSumDouble()),
        MetricType.LongGauge => point.GetGaugeLastValueLong().ToString(CultureInfo.InvariantCulture),
        MetricType.DoubleGauge => Number(point.GetGaugeLastValueDouble()),
        _ => "NaN",
    };

    private static bool IsCounter(MetricType type) => type is MetricType.LongSum or MetricType.DoubleSum;

    private static string Number(double value) =>
        double.IsPositiveInfinity(value) ? "+Inf" : double.IsNegativeInfinity(value) ? "-Inf" : value.ToString("R", CultureInfo.InvariantCulture);

    private static string Sanitize(string name)
    {
        var plain = string.Create(name.Length, name, static (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
                to[i] = char.IsAsciiLetterOrDigit(from[i]) ? from[i] : '_';
        });
        return char.IsAsciiDigit(plain[0]) ? "_" + plain : plain;
    }

    private static string Escape(string text, bool quotes)
    {
        text = text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
        return quotes ? text.Replace("\"", "\\\"", StringComparison.Ordinal) : text;
    }
}
