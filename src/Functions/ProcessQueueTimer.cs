using Orchestrator.Service.Dispatch;

namespace Orchestrator.Functions;

/// <summary>Dispatches everything due, on the schedule.</summary>
public sealed class ProcessQueueTimer(QueueTick tick)
{
    /// <summary>Every 30 seconds unless <c>PROCESS_QUEUE_SCHEDULE</c> says otherwise.</summary>
    [Function(nameof(ProcessQueueTimer))]
    public Task RunAsync([TimerTrigger("%PROCESS_QUEUE_SCHEDULE%")] TimerInfo timer, CancellationToken cancellationToken) =>
        tick.RunAsync(cancellationToken);
}
