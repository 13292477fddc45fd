using Orchestrator.Service.Http.Mcp;

namespace Orchestrator.Functions;

/// <summary>The service as tools for a model.</summary>
public sealed class Mcp(McpEndpoint endpoint)
{
    /// <summary><c>POST /mcp</c>.</summary>
    [Function(nameof(Mcp))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "mcp")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.HandleAsync(request, cancellationToken);
}
