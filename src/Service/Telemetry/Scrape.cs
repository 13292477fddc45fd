using OpenTelemetry;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Orchestrator.Service.Telemetry;

/// <summary>
/// Collects the metrics when they are asked for. The SDK counts; the text is this service's own, because the exporter that would write it
/// exists as a preview alone, and wants a pipeline that the Functions worker does not have.
/// </summary>
internal sealed class Scrape : BaseExportingMetricReader
{
    private readonly Writer _writer;

    private readonly Lock _turn = new();

    public Scrape()
        : this(new Writer())
    {
    }

    private Scrape(Writer writer)
        : base(writer) => _writer = writer;

    /// <summary>All metrics as they are now, in Prometheus' text format.</summary>
    public string CollectText()
    {
        // One collection at a time: two would get halves of each other's.
        lock (_turn)
        {
            _writer.Text = "";
            Collect();
            return _writer.Text;
        }
    }

    private sealed class Writer : BaseExporter<Metric>
    {
        public string Text { get; set; } = "";

        public override ExportResult Export(in Batch<Metric> batch)
        {
            Text = PrometheusText.Write(batch, ParentProvider?.GetResource() ?? Resource.Empty);
            return ExportResult.Success;
        }
    }
}
