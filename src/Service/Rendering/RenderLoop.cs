using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Rendering;

/// <summary>
/// Works the render backlog off, so many calls at once, beside everything else. A message that is ready is decided again at once; one that
/// is not costs nobody else anything but one of these hands.
/// </summary>
internal sealed class RenderLoop(
    RenderBacklog backlog, Renderer renderer, RenderLedger ledger, Dispatcher dispatcher, ModelOptions options, ILogger<RenderLoop> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.WhenAll(Enumerable.Range(0, options.MaxConcurrency).Select(_ => WorkAsync(stoppingToken)));
        while (backlog.TryNext() is { } job)
            await ledger.ReleaseAsync(job);
    }

    private async Task WorkAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var job = await backlog.NextAsync(stoppingToken);
                try
                {
                    await renderer.RunAsync(job, stoppingToken);
                }
                finally
                {
                    backlog.Done();
                }

                await DecideAgainAsync(job, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The lease is released; whoever finds the message begins anew.
        }
    }

    private async Task DecideAgainAsync(RenderJob job, CancellationToken stoppingToken)
    {
        try
        {
            await dispatcher.DispatchUserAsync(job.UserId, stoppingToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            Log.RenderedLeftToNextDispatch(logger, job.UserId, DatabaseErrors.Describe(e));
        }
    }
}
