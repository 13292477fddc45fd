using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// Dispatches between the ticks, when the alarm says that something becomes due. It asks the database nothing while nothing does.
/// </summary>
internal sealed class WakeLoop(
    Dispatcher dispatcher, QueueAlarm alarm, DatabaseReadiness readiness, TimeProvider time, ILogger<WakeLoop> logger) : BackgroundService
{
    /// <summary>From one pass to the next: where much comes at once, a pass then takes it together.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(25);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await readiness.WhenReadyAsync(stoppingToken);
            while (true)
            {
                await alarm.WaitAsync(stoppingToken);
                await DispatchAsync(stoppingToken);
                await Task.Delay(Pause, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // What was decided is committed; the rest is as it was.
        }
    }

    private async Task DispatchAsync(CancellationToken stoppingToken)
    {
        try
        {
            await dispatcher.WakeAsync(stoppingToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            // The next tick looks again, and sets the alarm.
            Log.WakeFailed(logger, DatabaseErrors.Describe(e));
        }
    }
}
