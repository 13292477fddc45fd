using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Dispatches everything due when asked to.</summary>
public sealed class ProcessQueue(QueueEndpoint endpoint)
{
    /// <summary><c>POST /process-queue</c>.</summary>
    [Function(nameof(ProcessQueue))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "process-queue")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ProcessAsync(request, cancellationToken);
}
