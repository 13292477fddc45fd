using System.Globalization;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Service.Telemetry;

/// <summary>
/// What is measured, and where it goes. The names are OpenTelemetry's own, and its SDK reads them too: it passes over a wrong value in
/// silence, so they are checked here.
/// </summary>
public sealed record TelemetrySettings
{
    private const int DefaultInterval = 60_000;

    private static readonly string[] Protocols = ["grpc", "http/protobuf"];

    private static readonly string[] Samplers =
        ["always_on", "always_off", "traceidratio", "parentbased_always_on", "parentbased_always_off", "parentbased_traceidratio"];

    /// <summary>Whether <c>/metrics</c> shows them.</summary>
    public bool ShowsMetrics { get; init; } = true;

    /// <summary>Whether metrics are pushed over OTLP.</summary>
    public bool PushesMetrics { get; init; }

    /// <summary>Whether spans are made, and pushed over OTLP.</summary>
    public bool PushesTraces { get; init; }

    /// <summary>How often metrics are pushed.</summary>
    public TimeSpan ExportInterval { get; init; } = TimeSpan.FromMilliseconds(DefaultInterval);

    /// <summary>Whether anything is measured at all.</summary>
    internal bool MeasuresAnything => ShowsMetrics || PushesMetrics;

    /// <summary>A reading of the queue older than this is not shown.</summary>
    internal TimeSpan LongestShown => PushesMetrics ? (ExportInterval * 2) + TimeSpan.FromSeconds(15) : TimeSpan.FromSeconds(15);

    /// <summary>Reads and checks the settings.</summary>
    /// <exception cref="SettingsException">One is wrong.</exception>
    internal static TelemetrySettings Read(SettingsReader read)
    {
        var isOff = read.Flag("OTEL_SDK_DISABLED") ?? false;
        var everything = read.Url("OTEL_EXPORTER_OTLP_ENDPOINT") is not null;
        var shows = read.Flag("Orchestrator:Metrics") ?? true;
        foreach (var signal in (string[])["", "TRACES_", "METRICS_"])
        {
            OneOf(read, $"OTEL_EXPORTER_OTLP_{signal}PROTOCOL", Protocols);
            read.Number($"OTEL_EXPORTER_OTLP_{signal}TIMEOUT", 1, int.MaxValue);
        }

        OneOf(read, "OTEL_TRACES_SAMPLER", Samplers);
        if (read.Text("OTEL_TRACES_SAMPLER_ARG") is { } ratio
            && !(double.TryParse(ratio, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var share) && share is >= 0 and <= 1))
        {
            throw new SettingsException("OTEL_TRACES_SAMPLER_ARG", "must be a number from 0 to 1");
        }

        return new TelemetrySettings
        {
            ShowsMetrics = shows && !isOff,
            PushesMetrics = Pushes("METRICS"),
            PushesTraces = Pushes("TRACES"),
            ExportInterval = TimeSpan.FromMilliseconds(read.Number("OTEL_METRIC_EXPORT_INTERVAL", 1000, 86_400_000) ?? DefaultInterval),
        };

        bool Pushes(string signal)
        {
            var hasOwn = read.Url($"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT") is not null;
            return OneOf(read, $"OTEL_{signal}_EXPORTER", "otlp", "none") != "none" && (everything || hasOwn) && !isOff;
        }
    }

    private static string? OneOf(SettingsReader read, string name, params string[] values) => read.Text(name) is not { } text ? null
        : values.Contains(text, StringComparer.Ordinal) ? text
        : throw new SettingsException(name, $"must be {string.Join(", ", values[..^1])} or {values[^1]}");
}
