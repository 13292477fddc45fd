using System.Collections.Concurrent;
using System.Diagnostics;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Tests.Telemetry;

/// <summary>Listens to the spans of this process, and makes the span of a request that a test stands in.</summary>
internal sealed class Listening : IDisposable
{
    private readonly ActivitySource _server = new("a test's server");
    private readonly ConcurrentQueue<Activity> _stopped = new();
    private readonly ActivityListener _listener;

    /// <param name="sample">Whether spans are recorded.</param>
    public Listening(bool sample = true)
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source == _server || source.Name == Instruments.Name,
            Sample = (ref _) => sample ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.PropagationData,
            ActivityStopped = _stopped.Enqueue,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    /// <summary>The span of a request, until it is disposed of.</summary>
    public Activity Request() => _server.StartActivity("request", ActivityKind.Server)!;

    /// <summary>What has ended of a trace, but for requests, as name and decision or result.</summary>
    public IReadOnlyList<Activity> Of(Activity request) =>
        [.. _stopped.Where(span => span.TraceId == request.TraceId && span.OperationName != request.OperationName)];

    /// <summary>What has ended and refers to a trace.</summary>
    public IReadOnlyList<Activity> LinkedTo(Activity request) => [.. _stopped.Where(span => span.Links.Any(link => link.Context.TraceId == request.TraceId))];

    public void Dispose()
    {
        _listener.Dispose();
        _server.Dispose();
    }
}
