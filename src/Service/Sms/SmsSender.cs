using System.Diagnostics;
using Microsoft.Extensions.Logging;
using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Sms;

/// <summary>
/// Gives pending messages to the provider, each once. Any number of senders may run at once: the database gives each user's turn to
/// one of them, and a request whose outcome is unknown is never repeated before the provider has been asked.
/// </summary>
/// <param name="ledger">What is known of each SMS.</param>
/// <param name="provider">Who brings them to the phones.</param>
/// <param name="inquiry">Finds out what became of a request.</param>
/// <param name="reports">Takes what the provider says of an SMS that it took.</param>
/// <param name="optOuts">Whom the provider reports to have opted out.</param>
/// <param name="settings">Rate, tries and time-outs.</param>
/// <param name="logger">Where each step is told.</param>
public sealed class SmsSender(
    SmsLedger ledger, ISmsProvider provider, SmsInquiry inquiry, SmsReports reports, OptOuts optOuts, Settings settings, ILogger<SmsSender> logger)
{
    private const string NotTaken = "not_taken";

    private const string NotTakenSentence = "The provider did not say that it took the request, and shows no such message.";

    /// <summary>How long the provider is asked about a request before it must be given up as unknown.</summary>
    private static readonly Duration LongestUnknown = Duration.FromHours(24);

    /// <summary>How long it may be asked about, whatever else stops the sending meanwhile, once it counts as not taken.</summary>
    private static readonly Duration LongestUnfound = Duration.FromDays(3);

    /// <summary>After so many requests in a row without a known outcome it is the provider that fails, and not a message.</summary>
    private const int MostUnanswered = 3;

    /// <summary>In quiet hours somebody may write, to whichever program, and be awake: so the wait for their end is looked at again.</summary>
    private static readonly Duration LongestQuietWait = Duration.FromMinutes(5);

    /// <summary>
    /// Sends a claimed message, or finds out what became of it. Never throws: what cannot be recorded is taken up again, by whichever
    /// instance, when its lease has ended.
    /// </summary>
    internal async Task HandleAsync(ClaimedSms sms, CancellationToken cancellationToken)
    {
        try
        {
            if (sms.Turn is { IsUnsettled: true, RequestedAt: { } requestedAt })
                await AskAsync(sms, requestedAt, cancellationToken);
            else if (sms.Turn.Status == "pending")
                await DecideAsync(sms, cancellationToken);
            else
                await FreeAsync(sms, sms.ClaimedAt);
        }
        catch (Exception e)
        {
            Log.SmsLeftToLease(logger, sms.Turn.MessageId, DatabaseErrors.Describe(e));
        }
    }

    private async Task DecideAsync(ClaimedSms sms, CancellationToken cancellationToken)
    {
        var (turn, now) = (sms.Turn, sms.ClaimedAt);
        switch (sms.Recipient is null ? new SmsDecision.Fail(Failure.UserNotFound)
            : SmsPolicy.Decide(turn.ToPendingSms(), sms.Recipient, settings.Rules, now))
        {
            case SmsDecision.Send when turn.UnfoundSince is { } requestedAt:
                await AskOnceMoreAsync(sms, requestedAt, cancellationToken);
                break;
            case SmsDecision.Send:
                await SendAsync(sms, cancellationToken);
                break;
            case SmsDecision.Wait wait:
                var until = Instant.Min(wait.Until, now + LongestQuietWait);
                await WaitAsync(sms, turn.Attempts, new SmsWait(Hold.QuietHours.Code(), Hold.QuietHours.Sentence(), until), now);
                await GiveBackAsync(turn, now);
                break;
            case SmsDecision.Expire:
                await EndAsync(sms, turn.Attempts, "expired", Reasons.Expired, Reasons.ExpiredSentence, now);
                await GiveBackAsync(turn, now);
                break;
            case SmsDecision.Fail fail:
                await EndAsync(sms, turn.Attempts, "failed", fail.Because.Code(), fail.Because.Sentence(), now);
                await GiveBackAsync(turn, now);
                break;
            case var other:
                throw new InvalidOperationException($"Unknown decision {other}.");
        }
    }

    private async Task SendAsync(ClaimedSms sms, CancellationToken cancellationToken)
    {
        var turn = sms.Turn;
        var outgoing = new OutgoingSms(turn.MessageId, turn.Attempts + 1, turn.PhoneNumber!, turn.Content, turn.ExpiresAt - sms.ClaimedAt);
        Instant? requestedAt = null;
        Exception? fault = null;
        var lastLook = new LastLook(async token =>
        {
            try
            {
                var asked = Stopwatch.GetTimestamp();
                requestedAt = await ledger.StartSendingAsync(sms, provider.Account, outgoing.To, token);
                // A process that was asleep since then must not send: others may have begun to ask what became of this request.
                return requestedAt is not null && Duration.FromTimeSpan(Stopwatch.GetElapsedTime(asked)) < settings.Sms.Timeout;
            }
            catch (Exception e)
            {
                fault = e;
                throw;
            }
        });

        using var request = SmsTelemetry.Begin(sms, settings.Sms.Delivery);
        var reply = await provider.SendAsync(outgoing, lastLook, cancellationToken);
        request.Answered(reply);
        if (fault is not null)
            throw fault;

        // From here on the process may be told to stop: what came of the request is recorded all the same.
        var now = await ledger.ReadClockAsync(CancellationToken.None);
        var attempt = requestedAt is null ? turn.Attempts : turn.Attempts + 1;
        switch (reply)
        {
            case SmsReply.Accepted accepted:
                await RecordSentAsync(sms, attempt, accepted.Sid, requestedAt ?? sms.ClaimedAt, now);
                break;
            case SmsReply.Refused refused:
                await RefusedAsync(sms, attempt, refused, now);
                break;
            case SmsReply.Unknown unknown:
                await UnknownAsync(sms, requestedAt ?? sms.ClaimedAt, unknown, isOurs: cancellationToken.IsCancellationRequested, now);
                break;
            case SmsReply.Withheld when requestedAt is null:
                await FreeAsync(sms, now);
                break;
            case SmsReply.Withheld:
            case SmsReply.Unreached when cancellationToken.IsCancellationRequested:
                await WaitAsync(sms, attempt, new SmsWait("interrupted", "The sender was interrupted before the message went out.", now, CountsAsTry: requestedAt is null), now);
                await PassOnProbeAsync(turn, now);
                break;
            case SmsReply.Unreached unreached:
                var until = now + SmsRetries.Stop(turn.Stops);
                await StopAsync("provider_unreachable", turn.Stops, until, now, unreached.Reason);
                await WaitAsync(sms, attempt, new SmsWait("provider_unreachable", "The SMS provider could not be reached.", until, CountsAsTry: requestedAt is null), now);
                break;
            default:
                throw new InvalidOperationException($"Unknown reply {reply}.");
        }
    }

    private async Task RefusedAsync(ClaimedSms sms, int attempt, SmsReply.Refused refused, Instant now)
    {
        var (turn, fault) = (sms.Turn, refused.Fault);
        if (refused.RetryAfter is { } pause)
            await ledger.PauseSendingAsync(now + SmsRetries.Pause(pause), CancellationToken.None);
        await ledger.RecordAnsweredAsync(CancellationToken.None);
        if (fault.Kind == SmsFaultKind.OptedOut)
            await optOuts.OptOutAsync(turn.UserId, CancellationToken.None);

        switch (fault.Kind)
        {
            // What is met while sending is stopped may be everybody's.
            case SmsFaultKind.Configuration when turn.SendingIsStopped || !SmsStops.IsItsOwnFault(fault, turn.Error, turn.ErrorAt, turn.ResumedAt):
                var stop = now + SmsRetries.Stop(turn.Stops);
                await StopAsync(fault.Code, turn.Stops, stop, now, fault.Sentence);
                await WaitAsync(sms, attempt, new SmsWait(fault.Code, fault.Sentence, stop + SmsStops.LetOthersGoFirst(fault), CountsAsTry: false), now);
                return;
            case SmsFaultKind.Later when SmsRetries.NextTry(turn.Tries + 1, settings.Sms.Tries, refused.RetryAfter, now) is { } next:
                await WaitAsync(sms, attempt, new SmsWait(fault.Code, fault.Sentence, next), now);
                break;
            default:
                await EndAsync(sms, attempt, "failed", fault.Code, fault.Sentence, now);
                break;
        }

        await PassOnProbeAsync(turn, now);
    }

    /// <param name="sms">The message.</param>
    /// <param name="requestedAt">When its request went out.</param>
    /// <param name="unknown">What happened instead of an answer.</param>
    /// <param name="isOurs">Whether this process ended the wait, because it is told to stop: that says nothing of the provider.</param>
    /// <param name="now">The time.</param>
    private async Task UnknownAsync(ClaimedSms sms, Instant requestedAt, SmsReply.Unknown unknown, bool isOurs, Instant now)
    {
        Log.SmsOutcomeUnknown(logger, sms.Turn.MessageId, unknown.Reason);
        var inARow = await ledger.RecordUnknownAsync(
            sms, "outcome_unknown", "The provider did not say that it took the request; it is asked whether it took the message.",
            SmsRetries.NextLook(requestedAt, now), isNew: true, counts: !isOurs, now, CancellationToken.None);
        if (inARow >= MostUnanswered)
            await StopAsync("provider_failing", sms.Turn.Stops, now + SmsRetries.Stop(sms.Turn.Stops), now, unknown.Reason);
    }

    /// <summary>Finds out whether the provider took a request that it did not answer.</summary>
    private async Task AskAsync(ClaimedSms sms, Instant requestedAt, CancellationToken cancellationToken)
    {
        var turn = sms.Turn;
        ListedSms? taken = null;
        SmsFault? fault = null;
        try
        {
            taken = await inquiry.FindAsync(turn, requestedAt, cancellationToken);
        }
        catch (SmsProviderException e)
        {
            fault = e.Fault;
        }

        var now = await ledger.ReadClockAsync(CancellationToken.None);
        var settledAt = requestedAt + settings.Sms.Timeout + settings.Sms.SettleAfter;
        if (taken is not null)
        {
            await RecordFoundAsync(sms, taken, requestedAt, now);
        }
        else if (fault is not null && now >= requestedAt + LongestUnknown)
        {
            await GiveUpAsync(sms, now);
        }
        else if (fault is not null || now < settledAt)
        {
            if (fault is { Kind: SmsFaultKind.Configuration, MayBeTheMessagesOwn: false })
                await StopAsync(fault.Code, turn.Stops, now + SmsRetries.Stop(turn.Stops), now, fault.Sentence);
            var next = SmsRetries.NextLook(requestedAt, now);
            await ledger.RecordUnknownAsync(
                sms, "outcome_unknown", "It is not known yet whether the provider took the message.",
                fault is null ? Instant.Min(next, settledAt) : next, isNew: false, counts: false, now, CancellationToken.None);
        }
        else
        {
            // A provider that answers nobody is no fault of the message's.
            var tries = turn.Tries - (turn.SendingIsStopped ? 1 : 0);
            if (SmsRetries.NextTry(tries, settings.Sms.Tries, null, now) is { } again)
                await WaitAsync(sms, turn.Attempts, new SmsWait(NotTaken, NotTakenSentence, again, CountsAsTry: !turn.SendingIsStopped), now);
            else
                await EndAsync(sms, turn.Attempts, "failed", NotTaken, NotTakenSentence, now);
        }
    }

    /// <summary>Before a request is made again that counts as not taken, the provider is asked one last time.</summary>
    private async Task AskOnceMoreAsync(ClaimedSms sms, Instant requestedAt, CancellationToken cancellationToken)
    {
        ListedSms? taken;
        try
        {
            taken = await inquiry.FindAsync(sms.Turn, requestedAt, cancellationToken);
        }
        catch (SmsProviderException e)
        {
            var now = await ledger.ReadClockAsync(CancellationToken.None);
            // What kept everybody from sending meanwhile does not count; but its user does not wait for ever.
            var since = sms.Turn.NotTakenAt ?? requestedAt;
            var lately = Instant.Max(since, sms.Turn.ResumedAt ?? since);
            if ((now >= lately + LongestUnknown && !sms.Turn.SendingIsStopped) || now >= since + LongestUnfound)
                await GiveUpAsync(sms, now);
            else
                await WaitAsync(sms, sms.Turn.Attempts, new SmsWait(NotTaken, e.Fault.Sentence, SmsRetries.NextLook(requestedAt, now)), now);
            await GiveBackAsync(sms.Turn, now);
            return;
        }

        if (taken is null)
        {
            await SendAsync(sms, cancellationToken);
            return;
        }

        var foundAt = await ledger.ReadClockAsync(CancellationToken.None);
        await RecordFoundAsync(sms, taken, requestedAt, foundAt);
        await GiveBackAsync(sms.Turn, foundAt);
    }

    private Task GiveUpAsync(ClaimedSms sms, Instant now) => EndAsync(sms, sms.Turn.Attempts, "failed", "outcome_unknown",
        "The provider did not say that it took the request and could not be asked for a day; it is not sent again, because it may have arrived.", now);

    /// <summary>The provider did take it; and may know already that it never arrived.</summary>
    private async Task RecordFoundAsync(ClaimedSms sms, ListedSms taken, Instant requestedAt, Instant now)
    {
        await RecordSentAsync(sms, sms.Turn.Attempts, taken.Sid, requestedAt, now);
        await reports.TakeAsync(
            new SmsReport(taken.Sid, taken.Status, taken.ErrorCode, sms.Turn.MessageId, sms.Turn.Attempts), CancellationToken.None);
    }

    private async Task RecordSentAsync(ClaimedSms sms, int attempt, string? sid, Instant requestedAt, Instant now)
    {
        if (await ledger.RecordSentAsync(sms.Turn, attempt, sid, requestedAt, now, CancellationToken.None))
            Log.SmsSent(logger, sms.Turn.MessageId, sms.Turn.UserId, sid ?? "the provider gave no id");
    }

    private async Task WaitAsync(ClaimedSms sms, int attempt, SmsWait wait, Instant now)
    {
        await ledger.RecordWaitingAsync(sms.Turn, attempt, wait, now, CancellationToken.None);
        Log.SmsDeferred(logger, sms.Turn.MessageId, sms.Turn.UserId, wait.Code, wait.Until);
    }

    private async Task EndAsync(ClaimedSms sms, int attempt, string status, string code, string reason, Instant now)
    {
        await ledger.RecordEndedAsync(sms.Turn, attempt, status, code, reason, now, CancellationToken.None);
        Log.SmsEnded(logger, sms.Turn.MessageId, sms.Turn.UserId, status, code);
    }

    private async Task FreeAsync(ClaimedSms sms, Instant now)
    {
        await ledger.FreeTurnAsync(sms, CancellationToken.None);
        if (sms.Turn.RequestedAt is null)
            await GiveBackAsync(sms.Turn, now);
    }

    /// <summary>No request was made: another message may make one.</summary>
    private async Task GiveBackAsync(TurnRow turn, Instant now)
    {
        await ledger.GiveBackSlotAsync(now, CancellationToken.None);
        await PassOnProbeAsync(turn, now);
    }

    private async Task PassOnProbeAsync(TurnRow turn, Instant now)
    {
        if (turn.SendingIsStopped)
            await ledger.PassOnProbeAsync(turn, now, CancellationToken.None);
    }

    private async Task StopAsync(string code, int stops, Instant until, Instant now, string reason)
    {
        await ledger.StopSendingAsync(code, stops, opensOnDelivery: false, until, now, CancellationToken.None);
        Log.SendingStopped(logger, code, reason, until);
    }
}
