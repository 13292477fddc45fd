using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Lists messages, newest first.</summary>
public sealed class ListMessages(MessagesEndpoint endpoint)
{
    /// <summary><c>GET /messages</c>.</summary>
    [Function(nameof(ListMessages))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "messages")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ListAsync(request, cancellationToken);
}
