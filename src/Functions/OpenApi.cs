using Orchestrator.Service.Http.Contract;

namespace Orchestrator.Functions;

/// <summary>The contract.</summary>
public sealed class OpenApi(ContractEndpoint endpoint)
{
    /// <summary><c>GET /openapi.json</c>.</summary>
    [Function(nameof(OpenApi))]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "openapi.json")] HttpRequest request) =>
        endpoint.GetDocument();
}
