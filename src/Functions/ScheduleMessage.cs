using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Queues a message for delivery.</summary>
public sealed class ScheduleMessage(SchedulingEndpoint endpoint)
{
    /// <summary><c>POST /schedule-message</c>.</summary>
    [Function(nameof(ScheduleMessage))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "schedule-message")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ScheduleAsync(request, cancellationToken);
}
