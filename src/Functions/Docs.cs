using Orchestrator.Service.Http.Contract;

namespace Orchestrator.Functions;

/// <summary>The contract as pages.</summary>
public sealed class Docs(ContractEndpoint endpoint)
{
    /// <summary><c>GET /docs</c>.</summary>
    [Function(nameof(Docs))]
    public IResult Run([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "docs")] HttpRequest request) =>
        endpoint.GetPage();

    /// <summary><c>GET /docs/scalar.js</c>.</summary>
    [Function("DocsScript")]
    public IResult RunScript([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "docs/scalar.js")] HttpRequest request) =>
        endpoint.GetScript(request);

    /// <summary><c>GET /docs/errors</c>.</summary>
    [Function("DocsErrors")]
    public IResult RunErrors([HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "docs/errors")] HttpRequest request) =>
        endpoint.GetErrors();
}
