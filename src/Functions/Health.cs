using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Tells whether the service works.</summary>
public sealed class Health(HealthEndpoint endpoint)
{
    /// <summary><c>GET /health</c>.</summary>
    [Function(nameof(Health))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "health")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.CheckAsync(request, cancellationToken);
}
