using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Upkeep;

/// <summary>Prunes every few minutes until nothing is left to prune, resting after each step as long as it took.</summary>
internal sealed class PrunerLoop(Pruner pruner, DatabaseReadiness readiness, TimeProvider time, ILogger<PrunerLoop> logger) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(5);

    private static readonly TimeSpan ShortestRest = TimeSpan.FromMilliseconds(20);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await readiness.WhenReadyAsync(stoppingToken);
            while (true)
            {
                await PruneAsync(stoppingToken);
                await Task.Delay(Interval, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // A step that was not committed is done again by whoever comes next.
        }
    }

    private async Task PruneAsync(CancellationToken stoppingToken)
    {
        var pruned = 0;
        try
        {
            PruningStep? step = null;
            do
            {
                var started = Stopwatch.GetTimestamp();
                step = await pruner.RunOnceAsync(step, stoppingToken);
                pruned += step.Pruned;
                var taken = Stopwatch.GetElapsedTime(started);
                await Task.Delay(taken > ShortestRest ? taken : ShortestRest, time, stoppingToken);
            }
            while (step.Looked == Pruner.StepSize);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            Log.NotPruned(logger, DatabaseErrors.Describe(e));
        }

        if (pruned > 0)
            Log.Pruned(logger, pruned);
    }
}
