using Microsoft.Extensions.Logging;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// What the timer does, on either host: a dispatch, whatever else has or has not happened. It also sets the alarm for what becomes due
/// before the next tick.
/// </summary>
public sealed class QueueTick(Dispatcher dispatcher, DatabaseReadiness readiness, ILogger<QueueTick> logger)
{
    /// <summary>Dispatches; a database that is out of reach is told and left to the next tick.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!readiness.IsReady)
            return;

        try
        {
            await dispatcher.RunOnceAsync(cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The process is stopping. What was decided is committed; the rest is as it was.
        }
        catch (Exception e) when (DatabaseErrors.IsOutOfReach(e))
        {
            Log.DatabaseOutOfReach(logger, e.Message);
        }
    }
}
