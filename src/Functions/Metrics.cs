using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Tells how the service does, in figures.</summary>
public sealed class Metrics(MetricsEndpoint endpoint)
{
    /// <summary><c>GET /metrics</c>.</summary>
    [Function(nameof(Metrics))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "metrics")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ShowAsync(request, cancellationToken);
}
