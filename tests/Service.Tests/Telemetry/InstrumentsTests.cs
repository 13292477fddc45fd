using System.Diagnostics.Metrics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Metrics;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Tests.Telemetry;

/// <summary>The instruments as docs/observability.md lists them, and as Prometheus is told of them.</summary>
public sealed partial class InstrumentsTests
{
    [Fact]
    public async Task Every_instrument_is_in_the_document_with_its_unit_and_its_name_in_Prometheus_and_no_other_is()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=nowhere");
        using var reading = new QueueReading(
            nowhere, new DatabaseClock(), new DatabaseReadiness(), new TelemetrySettings(), TimeProvider.System, NullLogger<QueueReading>.Instance);
        RuntimeHelpers.RunClassConstructor(typeof(Instruments).TypeHandle);
        var instruments = new Dictionary<string, Instrument>();
        using (var listener = new MeterListener { InstrumentPublished = (instrument, _) => instruments[instrument.Name] = instrument })
            listener.Start();

        using var document = new StreamReader(typeof(InstrumentsTests).Assembly.GetManifestResourceStream("observability.md")!);
        var listed = Row().Matches(await document.ReadToEndAsync(TestContext.Current.CancellationToken))
            .Select(row => (row.Groups["name"].Value, row.Groups["unit"].Value, row.Groups["prometheus"].Value));

        var made = instruments.Values.Where(i => i.Meter.Name == Instruments.Name).ToList();
        listed.Order().ShouldBe(made.Select(i => (i.Name, i.Unit!, PrometheusText.NameOf(i.Name, i.Unit, i is Counter<long> or Counter<double>))).Order());
        made.ShouldAllBe(i => !string.IsNullOrEmpty(i.Description));
    }

    [Fact]
    public void The_text_escapes_what_it_must_and_is_the_same_in_every_language()
    {
        using var meter = new Meter("a test's meter");
        using var scrape = new Scrape();
        using var provider = Sdk.CreateMeterProviderBuilder().AddMeter(meter.Name).AddReader(scrape).Build();
        var counter = meter.CreateCounter<double>("a.counter-of", "By", "Two\nlines and a \\.");
        var language = CultureInfo.CurrentCulture;
        CultureInfo.CurrentCulture = new CultureInfo("") { NumberFormat = new NumberFormatInfo { NumberDecimalSeparator = "," } };
        try
        {
            counter.Add(1.5, new KeyValuePair<string, object?>("a.label", "quote \" stroke \\ line\n"));
            var text = scrape.CollectText();

            text.ShouldContain(
                """
                # HELP a_counter_of_bytes_total Two\nlines and a \\.
                # TYPE a_counter_of_bytes_total counter
                a_counter_of_bytes_total{a_label="quote \" stroke \\ line\n"} 1.5

                """);
            // Counters count on.
            counter.Add(1, new KeyValuePair<string, object?>("a.label", "quote \" stroke \\ line\n"));
            scrape.CollectText().ShouldContain("} 2.5\n");
        }
        finally
        {
            CultureInfo.CurrentCulture = language;
        }
    }

    [Fact]
    public void Buckets_are_written_as_running_sums()
    {
        using var meter = new Meter("a test's other meter");
        using var scrape = new Scrape();
        using var provider = Sdk.CreateMeterProviderBuilder().AddMeter(meter.Name).AddReader(scrape).Build();
        var histogram = meter.CreateHistogram<double>("h", "s", "Times.", tags: null, new InstrumentAdvice<double> { HistogramBucketBoundaries = [0.1, 1] });
        foreach (var value in (double[])[0.05, 0.5, 0.5, 5])
            histogram.Record(value);

        scrape.CollectText().ShouldContain(
            """
            # TYPE h_seconds histogram
            h_seconds_bucket{le="0.1"} 1
            h_seconds_bucket{le="1"} 3
            h_seconds_bucket{le="+Inf"} 4
            h_seconds_sum 6.05
            h_seconds_count 4

            """);
    }

    [GeneratedRegex(@"^\| `(?<name>[a-z_.]+)` \| `(?<unit>[^`]+)` \| `(?<prometheus>[a-z_]+)` \|", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Row();
}
