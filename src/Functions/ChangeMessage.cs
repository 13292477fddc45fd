using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Changes a message that still waits.</summary>
public sealed class ChangeMessage(MessagesEndpoint endpoint)
{
    /// <summary><c>PATCH /messages/{id}</c>.</summary>
    [Function(nameof(ChangeMessage))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "patch", Route = "messages/{id}")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ChangeAsync(request, cancellationToken);
}
