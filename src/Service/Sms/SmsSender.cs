using System.Diagnostics;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Sms;

/// <summary>
/// Gives pending messages to the provider, each once. Any number of senders may run at once: the database gives each user's turn to
/// one of them, and a request whose outcome is unknown is never repeated before the provider has been asked.
/// </summary>
/// <param name="ledger">What is known of each SMS.</param>
/// <param name="provider">Who brings them to the phones.</param>
/// <param name="optOuts">Whom the provider reports to have opted out.</param>
/// <param name="settings">Rate, tries and time-outs.</param>
/// <param name="logger">Where each step is told.</param>
public sealed class SmsSender(SmsLedger ledger, ISmsProvider provider, OptOuts optOuts, Settings settings, ILogger<SmsSender> logger)
{
    /// <summary>How far the provider's clock may be behind the database's.</summary>
    private static readonly Duration ClockDifference = Duration.FromMinutes(1);

    /// <summary>How long the provider is asked about a request before it must be given up as unknown.</summary>
    private static readonly Duration LongestUnknown = Duration.FromHours(24);

    /// <summary>Sends everything that may be sent now and asks about everything that is unknown, until nothing is left to do now.</summary>
    /// <exception cref="NpgsqlException">The database went out of reach.</exception>
    public async Task<SendResult> RunOnceAsync(CancellationToken cancellationToken)
    {
        var result = new SendResult();
        for (var claimed = await ClaimAsync(settings.Sms.Concurrency, cancellationToken);
            claimed.Count > 0;
            claimed = await ClaimAsync(settings.Sms.Concurrency, cancellationToken))
        {
            foreach (var handled in await Task.WhenAll(claimed.Select(sms => HandleAsync(sms, cancellationToken))))
                result += handled;
        }

        return result;
    }

    /// <summary>Claims what there is to do now; <see cref="HandleAsync"/> does it.</summary>
    /// <param name="most">How many messages, at most.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    internal async Task<IReadOnlyList<ClaimedSms>> ClaimAsync(int most, CancellationToken cancellationToken)
    {
        var toAsk = await ledger.ClaimToAskAsync(most, cancellationToken);
        var toSend = await ledger.ClaimToSendAsync(most - toAsk.Count, cancellationToken);
        return [.. toAsk, .. toSend];
    }

    /// <summary>
    /// Sends a claimed message, or finds out what became of it. Never throws: what cannot be recorded is taken up again, by whichever
    /// instance, when its lease has ended.
    /// </summary>
    internal async Task<SendResult> HandleAsync(ClaimedSms sms, CancellationToken cancellationToken)
    {
        try
        {
            if (sms.Turn.RequestedAt is { } requestedAt)
                return await AskAsync(sms, requestedAt, cancellationToken);
            if (sms.Turn.Status != "pending")
                return await FreeAsync(sms);

            return (sms.Recipient is null ? new SmsDecision.Fail(Failure.UserNotFound)
                : SmsPolicy.Decide(sms.Turn.ToPendingSms(), sms.Recipient, settings.Rules, sms.ClaimedAt)) switch
            {
                SmsDecision.Send => await SendAsync(sms, cancellationToken),
                SmsDecision.Wait wait => await WaitAsync(sms, sms.Turn.Attempts, Hold.QuietHours.Code(), Hold.QuietHours.Sentence(), wait.Until, sms.ClaimedAt),
                SmsDecision.Expire => await EndAsync(sms, sms.Turn.Attempts, "expired", Reasons.Expired, Reasons.ExpiredSentence, sms.ClaimedAt),
                SmsDecision.Fail fail => await EndAsync(sms, sms.Turn.Attempts, "failed", fail.Because.Code(), fail.Because.Sentence(), sms.ClaimedAt),
                var other => throw new InvalidOperationException($"Unknown decision {other}."),
            };
        }
        catch (Exception e)
        {
            Log.SmsLeftToLease(logger, sms.Turn.MessageId, DatabaseErrors.Describe(e));
            return new SendResult(0, 1, 0);
        }
    }

    private async Task<SendResult> SendAsync(ClaimedSms sms, CancellationToken cancellationToken)
    {
        var turn = sms.Turn;
        Instant? requestedAt = null;
        Exception? fault = null;
        var lastLook = new LastLook(async token =>
        {
            try
            {
                var asked = Stopwatch.GetTimestamp();
                requestedAt = await ledger.StartSendingAsync(sms, token);
                // A process that was asleep since then must not send: others may have begun to ask what became of this request.
                return requestedAt is not null && Duration.FromTimeSpan(Stopwatch.GetElapsedTime(asked)) < settings.Sms.Timeout;
            }
            catch (Exception e)
            {
                fault = e;
                throw;
            }
        });

        var outgoing = new OutgoingSms(turn.MessageId, turn.Attempts + 1, turn.PhoneNumber!, turn.Content, turn.ExpiresAt - sms.ClaimedAt);
        var reply = await provider.SendAsync(outgoing, lastLook, cancellationToken);
        if (fault is not null)
            throw fault;

        // From here on the process may be told to stop: what came of the request is recorded all the same.
        var now = await ledger.ReadClockAsync(CancellationToken.None);
        var attempt = requestedAt is null ? turn.Attempts : turn.Attempts + 1;
        switch (reply)
        {
            case SmsReply.Accepted accepted:
                return await RecordSentAsync(sms, attempt, accepted.Sid, requestedAt ?? sms.ClaimedAt, now);
            case SmsReply.Refused refused:
                return await RefusedAsync(sms, attempt, refused, now);
            case SmsReply.Unknown unknown:
                Log.SmsOutcomeUnknown(logger, turn.MessageId, unknown.Reason);
                await ledger.RecordUnknownAsync(
                    sms, "outcome_unknown", "The provider did not answer the request; it is asked whether it took the message.",
                    SmsRetries.NextLook(requestedAt ?? sms.ClaimedAt, now), isNew: true, now, CancellationToken.None);
                return new SendResult(0, 1, 0);
            case SmsReply.Withheld when requestedAt is null:
                return await FreeAsync(sms);
            case SmsReply.Withheld:
            case SmsReply.Unreached when cancellationToken.IsCancellationRequested:
                return await WaitAsync(sms, attempt, "interrupted", "The sender was interrupted before the message went out.", now, now);
            case SmsReply.Unreached unreached:
                var until = now + SmsRetries.Stop(turn.Stops);
                await StopAsync("provider_unreachable", turn.Stops, opensOnDelivery: false, until, now, unreached.Reason);
                return await WaitAsync(sms, attempt, "provider_unreachable", "The SMS provider could not be reached.", until, now);
            default:
                throw new InvalidOperationException($"Unknown reply {reply}.");
        }
    }

    private async Task<SendResult> RefusedAsync(ClaimedSms sms, int attempt, SmsReply.Refused refused, Instant now)
    {
        var (turn, fault) = (sms.Turn, refused.Fault);
        switch (fault.Kind)
        {
            case SmsFaultKind.Configuration when !SmsStops.IsItsOwnFault(turn.Error, turn.ErrorAt, turn.ResumedAt):
                var stop = now + SmsRetries.Stop(turn.Stops);
                await StopAsync(fault.Code, turn.Stops, opensOnDelivery: false, stop, now, fault.Sentence);
                return await WaitAsync(sms, attempt, fault.Code, fault.Sentence, stop + SmsStops.LetOthersGoFirst, now);
            case SmsFaultKind.Later when SmsRetries.NextTry(attempt, settings.Sms.Tries, refused.RetryAfter, now) is { } next:
                if (refused.RetryAfter is { } wait)
                    await ledger.PauseSendingAsync(now + wait, CancellationToken.None);
                return await WaitAsync(sms, attempt, fault.Code, fault.Sentence, next, now);
            case SmsFaultKind.OptedOut:
                await optOuts.OptOutAsync(turn.UserId, CancellationToken.None);
                return await EndAsync(sms, attempt, "failed", fault.Code, fault.Sentence, now);
            default:
                return await EndAsync(sms, attempt, "failed", fault.Code, fault.Sentence, now);
        }
    }

    /// <summary>Finds out whether the provider took a request that it did not answer.</summary>
    private async Task<SendResult> AskAsync(ClaimedSms sms, Instant requestedAt, CancellationToken cancellationToken)
    {
        var turn = sms.Turn;
        ListedSms? taken = null;
        SmsFault? fault = null;
        try
        {
            var listed = await provider.ListAsync(turn.PhoneNumber ?? "", requestedAt - ClockDifference, cancellationToken);
            var alike = listed.Where(s => s.CreatedAt >= requestedAt - ClockDifference && SameText.Is(turn.Content, s.Body)).ToList();
            var known = await ledger.FindKnownSidsAsync(alike.Select(s => s.Sid), cancellationToken);
            taken = alike.LastOrDefault(s => !known.Contains(s.Sid));
        }
        catch (SmsProviderException e)
        {
            fault = e.Fault;
        }

        var now = await ledger.ReadClockAsync(CancellationToken.None);
        if (taken is not null)
            return await RecordSentAsync(sms, turn.Attempts, taken.Sid, requestedAt, now);

        if (fault is { Kind: SmsFaultKind.Configuration })
            await StopAsync(fault.Code, turn.Stops, opensOnDelivery: false, now + SmsRetries.Stop(turn.Stops), now, fault.Sentence);
        var settledAt = requestedAt + settings.Sms.Timeout + settings.Sms.SettleAfter;
        if (fault is not null && now >= requestedAt + LongestUnknown)
        {
            return await EndAsync(sms, turn.Attempts, "failed", "outcome_unknown",
                "The provider did not answer the request and could not be asked for a day; it is not sent again, because it may have arrived.", now);
        }

        if (fault is not null || now < settledAt)
        {
            var next = SmsRetries.NextLook(requestedAt, now);
            await ledger.RecordUnknownAsync(
                sms, "outcome_unknown", "It is not known yet whether the provider took the message.",
                fault is null ? Instant.Min(next, settledAt) : next, isNew: false, now, CancellationToken.None);
            return new SendResult(0, 1, 0);
        }

        const string NotTaken = "The provider did not answer the request, and shows no such message.";
        return SmsRetries.NextTry(turn.Attempts, settings.Sms.Tries, null, now) is { } again
            ? await WaitAsync(sms, turn.Attempts, "not_taken", NotTaken, again, now)
            : await EndAsync(sms, turn.Attempts, "failed", "not_taken", NotTaken, now);
    }

    private async Task<SendResult> RecordSentAsync(ClaimedSms sms, int attempt, string? sid, Instant requestedAt, Instant now)
    {
        if (await ledger.RecordSentAsync(sms.Turn, attempt, sid, requestedAt, now, CancellationToken.None))
            Log.SmsSent(logger, sms.Turn.MessageId, sms.Turn.UserId, sid ?? "the provider gave no id");
        return new SendResult(1, 0, 0);
    }

    private async Task<SendResult> WaitAsync(ClaimedSms sms, int attempt, string code, string reason, Instant until, Instant now)
    {
        await ledger.RecordWaitingAsync(sms.Turn, attempt, code, reason, until, now, CancellationToken.None);
        Log.SmsDeferred(logger, sms.Turn.MessageId, sms.Turn.UserId, code, until);
        return new SendResult(0, 1, 0);
    }

    private async Task<SendResult> EndAsync(ClaimedSms sms, int attempt, string status, string code, string reason, Instant now)
    {
        await ledger.RecordEndedAsync(sms.Turn, attempt, status, code, reason, now, CancellationToken.None);
        Log.SmsEnded(logger, sms.Turn.MessageId, sms.Turn.UserId, status, code);
        return new SendResult(0, 0, 1);
    }

    private async Task<SendResult> FreeAsync(ClaimedSms sms)
    {
        await ledger.FreeTurnAsync(sms, CancellationToken.None);
        return new SendResult(0, 0, 1);
    }

    private async Task StopAsync(string code, int stops, bool opensOnDelivery, Instant until, Instant now, string reason)
    {
        await ledger.StopSendingAsync(code, stops, opensOnDelivery, until, now, CancellationToken.None);
        Log.SendingStopped(logger, code, reason, until);
    }
}
