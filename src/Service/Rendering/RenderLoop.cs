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
    /// <summary>Runs until it is told to stop; then everything that was not done is given back, in one statement.</summary>
    internal async Task RunAsync(CancellationToken stoppingToken)
    {
        var unfinished = await Task.WhenAll(Enumerable.Range(0, options.MaxConcurrency).Select(_ => WorkAsync(stoppingToken)));
        List<RenderJob> jobs = [.. unfinished.OfType<RenderJob>()];
        while (backlog.TryNext() is { } job)
            jobs.Add(job);
        await ledger.ReleaseAsync(jobs);
    }

    /// <summary>Does one job: the model, the record, what has become ready, and what may have the free hand next.</summary>
    /// <exception cref="OperationCanceledException">Told to stop; the job may not be done.</exception>
    internal async Task StepAsync(RenderJob job, CancellationToken stoppingToken)
    {
        try
        {
            await renderer.RunAsync(job, stoppingToken);
        }
        finally
        {
            backlog.Free();
        }

        await DispatchAsync(job, () => dispatcher.DispatchUserAsync(job.UserId, stoppingToken), stoppingToken);
        await DispatchAsync(job, () => dispatcher.DispatchLineAsync(stoppingToken), stoppingToken);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => RunAsync(stoppingToken);

    /// <summary>Works until it is told to stop.</summary>
    /// <returns>The job that may not be done; null: there is none.</returns>
    private async Task<RenderJob?> WorkAsync(CancellationToken stoppingToken)
    {
        RenderJob? job = null;
        try
        {
            while (true)
            {
                job = null;
                job = await backlog.NextAsync(stoppingToken);
                await StepAsync(job, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            return job;
        }
    }

    private async Task DispatchAsync(RenderJob job, Func<Task> dispatch, CancellationToken stoppingToken)
    {
        try
        {
            await dispatch();
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            Log.RenderedLeftToNextDispatch(logger, job.UserId, DatabaseErrors.Describe(e));
        }
    }
}
