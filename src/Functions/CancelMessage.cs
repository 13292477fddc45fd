using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Cancels a message that has not been given to the provider.</summary>
public sealed class CancelMessage(MessagesEndpoint endpoint)
{
    /// <summary><c>DELETE /messages/{id}</c>.</summary>
    [Function(nameof(CancelMessage))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "delete", Route = "messages/{id}")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.CancelAsync(request, cancellationToken);
}
