using Microsoft.Extensions.Logging;
using NodaTime;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// What the timer does, on either host: a dispatch, and another one at each time before the next tick at which a waiting message
/// becomes due. Slots are 30 seconds apart like the ticks, so with ticks alone many would be missed by a moment and come a tick late.
/// </summary>
public sealed class QueueTick(
    Dispatcher dispatcher, DatabaseReadiness readiness, Settings settings, TimeProvider time, ILogger<QueueTick> logger)
{
    /// <summary>What is due this shortly before the next tick, or after, is left to that.</summary>
    private static readonly Duration Margin = Duration.FromSeconds(1);

    /// <summary>Runs until shortly before the next tick; a database that is out of reach is told and left to that.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!readiness.IsReady)
            return;

        try
        {
            var end = settings.NextTickAfter(Now()) - Margin;
            DispatchPass pass;
            do
                pass = await dispatcher.RunOnceAsync(cancellationToken);
            while (await WaitForNextAsync(pass.At, end, cancellationToken));
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

    /// <summary>Waits until the next message is due; false where that is not before the end.</summary>
    private async Task<bool> WaitForNextAsync(Instant after, Instant end, CancellationToken cancellationToken)
    {
        // The database says how long; this machine's clock only measures it.
        if (await dispatcher.UntilNextDueAsync(after, cancellationToken) is not { } wait || wait >= end - Now())
            return false;

        await Task.Delay(wait.ToTimeSpan(), time, cancellationToken);
        return true;
    }

    private Instant Now() => Instant.FromDateTimeOffset(time.GetUtcNow());
}
