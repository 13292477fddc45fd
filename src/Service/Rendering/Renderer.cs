using Microsoft.Extensions.Logging;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Rendering;

/// <summary>
/// Puts leased messages before the model and records what it says, so that they are decided again. Nothing of this happens inside a
/// transaction, and everything is recorded under the lease: who has lost it records nothing.
/// </summary>
/// <param name="ledger">What is known of the messages.</param>
/// <param name="model">The model.</param>
/// <param name="breaker">Keeps a model that is out of reach from being asked for each message.</param>
/// <param name="logger">Where each verdict is told.</param>
public sealed class Renderer(RenderLedger ledger, ILanguageModel model, ModelBreaker breaker, ILogger<Renderer> logger)
{
    /// <summary>
    /// Does a job. Never throws, save when given up. What the database keeps from being recorded is begun anew when the lease has ended; any
    /// other fault counts as one of the model's, so that nothing is begun for ever.
    /// </summary>
    /// <exception cref="OperationCanceledException">Given up; the lease stands.</exception>
    internal async Task RunAsync(RenderJob job, CancellationToken cancellationToken)
    {
        try
        {
            var results = new List<Rendered>();
            foreach (var message in await ledger.LoadAsync(job, cancellationToken))
            {
                results.Add(await AskAsync(message, cancellationToken));
                // What is to become of a sequence is known with its first message that is stale or that the model failed for.
                if (results[^1].Outcome is not Outcome.Ready)
                    break;
            }

            if (!await ledger.RecordAsync(job, results, cancellationToken))
                Log.LeaseLost(logger, job.UserId);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception e)
        {
            Log.RenderFault(logger, job.UserId, DatabaseErrors.Describe(e));
            if (!DatabaseErrors.IsOutOfReach(e) && !DatabaseErrors.MayPass(e))
                await RecordFaultAsync(job, cancellationToken);
        }
    }

    private async Task RecordFaultAsync(RenderJob job, CancellationToken cancellationToken)
    {
        try
        {
            await ledger.RecordFaultAsync(job, ModelFaults.Stumbled, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Log.RenderFault(logger, job.UserId, DatabaseErrors.Describe(e));
        }
    }

    private async Task<Rendered> AskAsync(MessageToRender message, CancellationToken cancellationToken)
    {
        if (breaker.IsOpen)
            return new Rendered(message, new Outcome.Paused(ModelFaults.LeftAlone, breaker.HasGivenUp));

        using var span = RenderTelemetry.Begin(message);
        var (outcome, fault, usage) = message.Asks == ModelTask.Judge
            ? Read(await model.JudgeAsync(message.Occasion, cancellationToken), Judged)
            : Read(await model.WriteAsync(message.Occasion, cancellationToken), text => new Outcome.Ready("written", Reason: null, text));
        RenderTelemetry.Answered(span, outcome, usage);
        if (usage is not null)
        {
            breaker.Note(fault?.Kind, fault?.RetryAfter?.ToTimeSpan());
            await LogCallAsync(message, outcome, usage, fault?.Code, cancellationToken);
        }

        // It only asks for patience, which is no fault of the message's.
        if (fault is { Kind: ModelFaultKind.RateLimited })
            outcome = new Outcome.Paused(fault, breaker.HasGivenUp);
        Log.ModelAsked(logger, message.Id, outcome.Code, usage?.LatencyMs ?? 0);
        return new Rendered(message, outcome);
    }

    /// <summary>Logs a call. A log that takes no row costs the row, not what the model said: that is paid for.</summary>
    private async Task LogCallAsync(MessageToRender message, Outcome outcome, ModelUsage usage, string? fault, CancellationToken cancellationToken)
    {
        try
        {
            await ledger.LogCallAsync(message, outcome, usage, fault, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            Log.TrailRowLost(logger, message.UserId, DatabaseErrors.Describe(e));
        }
    }

    private static (Outcome Outcome, ModelFault? Fault, ModelUsage? Usage) Read<T>(ModelReply<T> reply, Func<T, Outcome> read) => reply switch
    {
        ModelReply<T>.Answered answered => (read(answered.Answer), null, answered.Usage),
        ModelReply<T>.Failed failed => (new Outcome.Failed(failed.Fault), failed.Fault, failed.Usage),
        _ => throw new InvalidOperationException($"Unknown reply {reply}."),
    };

    private static Outcome Judged(Verdict verdict) => verdict switch
    {
        Verdict.Relevant relevant => new Outcome.Ready("relevant", relevant.Reason, relevant.Sms),
        Verdict.Contextual contextual => new Outcome.Ready("contextual", contextual.Reason, contextual.Sms),
        Verdict.Stale stale => new Outcome.Stale(stale.Reason),
        _ => throw new InvalidOperationException($"Unknown verdict {verdict}."),
    };
}
