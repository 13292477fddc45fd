using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Queues many messages for delivery.</summary>
public sealed class ScheduleMessages(SchedulingEndpoint endpoint)
{
    /// <summary><c>POST /schedule-messages</c>.</summary>
    [Function(nameof(ScheduleMessages))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "schedule-messages")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ScheduleManyAsync(request, cancellationToken);
}
