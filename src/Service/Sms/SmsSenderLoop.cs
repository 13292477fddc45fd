using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Sms;

/// <summary>
/// Keeps the sender going beside everything else, so that a slow provider delays no dispatch and no request. It wakes when a dispatch of
/// this process has handed something over, when something it knows of becomes due, at each tick, and when one of its messages is done.
/// </summary>
internal sealed class SmsSenderLoop(
    SmsSender sender, SmsLedger ledger, SendSignal signal, DatabaseReadiness readiness, Settings settings, TimeProvider time,
    ILogger<SmsSenderLoop> logger) : BackgroundService
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(20);

    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan WaitForDatabase = TimeSpan.FromSeconds(2);

    /// <summary>How long requests that are under way may go on when the process is told to stop.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var requests = new CancellationTokenSource();
        var underWay = new List<Job>();
        try
        {
            await readiness.WhenReadyAsync(stoppingToken);
            while (!stoppingToken.IsCancellationRequested)
            {
                underWay.RemoveAll(job => job.Task.IsCompleted);
                var wait = await StartAsync(underWay, requests.Token, stoppingToken);
                if (wait > TimeSpan.Zero)
                    await WaitAsync(underWay, wait, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // Nothing more is begun; what is under way is seen through.
        }

        requests.CancelAfter(Grace);
        await Task.WhenAll(underWay.Select(job => job.Task));
    }

    /// <summary>Starts what there is to do.</summary>
    /// <returns>How long there will be nothing else to do; zero where there may be.</returns>
    private async Task<TimeSpan> StartAsync(List<Job> underWay, CancellationToken requests, CancellationToken stoppingToken)
    {
        try
        {
            var free = settings.Sms.Concurrency - underWay.Count;
            if (free == 0)
                return LongestWait;

            // A provider that is slow to tell what it took must not keep every hand from sending.
            var mostToAsk = Math.Max(1, settings.Sms.Concurrency / 2) - underWay.Count(job => job.Asks);
            var toAsk = await ledger.ClaimToAskAsync(Math.Min(free, mostToAsk), stoppingToken);
            underWay.AddRange(toAsk.Select(sms => new Job(sender.HandleAsync(sms, requests), Asks: true)));
            var toSend = await ledger.ClaimToSendAsync(free - toAsk.Count, stoppingToken);
            underWay.AddRange(toSend.Select(sms => new Job(sender.HandleAsync(sms, requests), Asks: false)));
            if (toAsk.Count + toSend.Count > 0)
                return TimeSpan.Zero;

            var next = await ledger.UntilNextAsync(stoppingToken);
            return TimeSpan.FromTicks(Math.Clamp((next?.ToTimeSpan() ?? LongestWait).Ticks, ShortestWait.Ticks, LongestWait.Ticks));
        }
        catch (Exception e) when (e is not OperationCanceledException || !stoppingToken.IsCancellationRequested)
        {
            Log.SenderFault(logger, DatabaseErrors.Describe(e));
            return WaitForDatabase;
        }
    }

    private async Task WaitAsync(List<Job> underWay, TimeSpan wait, CancellationToken stoppingToken)
    {
        using var woken = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        List<Task> wakers = [Task.Delay(wait, time, woken.Token), .. underWay.Select(job => job.Task)];
        // With every hand full there is nothing to be woken for but a free one.
        if (underWay.Count < settings.Sms.Concurrency)
            wakers.Add(signal.WaitAsync(woken.Token));
        await Task.WhenAny(wakers);
        await woken.CancelAsync();
        stoppingToken.ThrowIfCancellationRequested();
    }

    /// <summary>A message that a hand is busy with.</summary>
    /// <param name="Task">Ends when it is done; never fails.</param>
    /// <param name="Asks">Whether it only asks what became of a request.</param>
    private sealed record Job(Task Task, bool Asks);
}
