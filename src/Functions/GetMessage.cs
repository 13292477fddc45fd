using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Tells where a message stands, and how it came there.</summary>
public sealed class GetMessage(MessagesEndpoint endpoint)
{
    /// <summary><c>GET /messages/{id}</c>.</summary>
    [Function(nameof(GetMessage))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "messages/{id}")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.GetAsync(request, cancellationToken);
}
