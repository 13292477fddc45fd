using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Orchestrator.Fakes;

/// <summary>
/// A collector that takes OTLP over HTTP, in protobuf, on a port of this machine. It reads of spans what tests want to know, and keeps
/// everything that came as text too.
/// </summary>
public sealed class FakeCollector : IAsyncDisposable
{
    private readonly WebApplication _server;
    private readonly ConcurrentQueue<CollectedSpan> _spans = new();
    private readonly ConcurrentQueue<string> _texts = new();
    private readonly ConcurrentQueue<string> _metrics = new();

    private FakeCollector()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").UseShutdownTimeout(TimeSpan.FromSeconds(1));
        _server = builder.Build();
        _server.Run(TakeAsync);
    }

    /// <summary>Where it listens.</summary>
    public Uri Url => new(_server.Urls.Single());

    /// <summary>The spans that have come.</summary>
    public IReadOnlyCollection<CollectedSpan> Spans => _spans;

    /// <summary>The names of the metrics that have come.</summary>
    public IReadOnlyCollection<string> Metrics => _metrics;

    /// <summary>All that has come, as one text: every string is in it as it is.</summary>
    public string Text => string.Join('\n', _texts);

    /// <summary>Starts it on a free port.</summary>
    public static async Task<FakeCollector> StartAsync()
    {
        var collector = new FakeCollector();
        await collector._server.StartAsync();
        return collector;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private async Task TakeAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        _texts.Enqueue(Encoding.UTF8.GetString(body.ToArray()));
        // ExportTraceServiceRequest and ExportMetricsServiceRequest alike: resource_spans = 1, scope_spans = 2, spans = 2.
        var items = Fields(body.ToArray(), 1).SelectMany(resource => Fields(resource, 2)).SelectMany(scope => Fields(scope, 2));
        foreach (var item in items)
        {
            if (context.Request.Path == "/v1/traces")
                _spans.Enqueue(ToSpan(item));
            else
                _metrics.Enqueue(Encoding.UTF8.GetString(Fields(item, 1).Single()));
        }
    }

    private static CollectedSpan ToSpan(byte[] span) => new(
        Hex(span, 1), Hex(span, 4), Encoding.UTF8.GetString(Fields(span, 5).Single()),
        [.. Fields(span, 13).Select(link => Hex(link, 1))],
        Fields(span, 9).ToDictionary(a => Encoding.UTF8.GetString(Fields(a, 1).Single()), a => ValueOf(Fields(a, 2).Single())));

    private static string Hex(byte[] message, int field) => Convert.ToHexStringLower(Fields(message, field).FirstOrDefault() ?? []);

    private static string ValueOf(byte[] any) => Fields(any, 1).FirstOrDefault() is { } text ? Encoding.UTF8.GetString(text)
        : Varint(any, 3)?.ToString(CultureInfo.InvariantCulture) ?? "";

    private static IEnumerable<byte[]> Fields(byte[] message, int field) => Read(message).Where(f => f.Field == field && f.Bytes is not null).Select(f => f.Bytes!);

    private static ulong? Varint(byte[] message, int field) => Read(message).Where(f => f.Field == field && f.Bytes is null).Select(f => (ulong?)f.Number).FirstOrDefault();

    /// <summary>A message's fields; the length-delimited have bytes.</summary>
    private static IEnumerable<(int Field, ulong Number, byte[]? Bytes)> Read(byte[] message)
    {
        var at = 0;
        while (at < message.Length)
        {
            var key = Next();
            var field = (int)(key >> 3);
            switch (key & 7)
            {
                case 0:
                    yield return (field, Next(), null);
                    break;
                case 1:
                    at += 8;
                    break;
                case 2:
                    var length = (int)Next();
                    yield return (field, 0, message[at..(at + length)]);
                    at += length;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    throw new InvalidOperationException("Not protobuf.");
            }
        }

        ulong Next()
        {
            ulong number = 0;
            for (var shift = 0; ; shift += 7)
            {
                var next = message[at++];
                number |= (ulong)(next & 0x7f) << shift;
                if (next < 0x80)
                    return number;
            }
        }
    }
}

/// <summary>A span that has come.</summary>
/// <param name="TraceId">Its trace.</param>
/// <param name="ParentId">The span it belongs under; empty: none.</param>
/// <param name="Name">Its name.</param>
/// <param name="LinkedTraceIds">The traces that it refers to.</param>
/// <param name="Attributes">Its attributes; those that are neither texts nor whole numbers are empty.</param>
public sealed record CollectedSpan(
    string TraceId, string ParentId, string Name, IReadOnlyList<string> LinkedTraceIds, IReadOnlyDictionary<string, string> Attributes);
