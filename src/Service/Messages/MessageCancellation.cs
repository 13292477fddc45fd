using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Messages;

/// <summary>Calls messages off, as long as no request for their SMS has gone out.</summary>
public sealed class MessageCancellation(
    NpgsqlDataSource database, DatabaseClock clock, MessageReader reader, SendSignal sender, ILogger<MessageCancellation> logger)
{
    /// <summary>
    /// Cancels the message, and what has not been sent of its sequence. One that is cancelled already stays so, and is answered for in the
    /// same way.
    /// </summary>
    /// <param name="id">The message.</param>
    /// <param name="key">The name of the key that the request came with; null: none, or one without a name.</param>
    /// <param name="cancellationToken">Ends the wait; what is committed stays.</param>
    /// <returns>The answer; or why it cannot be cancelled.</returns>
    /// <exception cref="NpgsqlException">The database is out of reach, or the user in other hands for too long; nothing has changed, or the answer was lost.</exception>
    public async Task<(CancelAnswer? Answer, Problem? Problem)> CancelAsync(Guid id, string? key, CancellationToken cancellationToken)
    {
        // A statement that waits for a row decides by what it finds there in the end. The turn is for the rest of the sequence.
        await using (var turn = await UsersTurn.TakeAsync(database, id, cancellationToken))
        {
            if (turn is null)
                return (null, Problem.MessageNotFound(id.ToString()));
            await CancelAsync(turn, id, key, cancellationToken);
        }

        return await reader.FindAsync(id, cancellationToken) switch
        {
            null => (null, Problem.MessageNotFound(id.ToString())),
            { Status: "cancelled" } cancelled => (new CancelAnswer(id, cancelled.Code, cancelled.Reason, cancelled.FinishedAt), null),
            var late => (null, Problem.MessageNotCancellable(late.Status, MessageState.Of(late))),
        };
    }

    private async Task CancelAsync(UsersTurn turn, Guid id, string? key, CancellationToken cancellationToken)
    {
        var now = (await clock.ReadAsync(turn.Connection, cancellationToken)).Now;
        var cancelled = await turn.QueryAsync<Guid>(
            "CancelMessage", new { id, code = Reasons.CancelledByCaller, sentence = Reasons.CancelledByCallerSentence, key, now });
        if (cancelled.Count == 0)
            return;

        var waiting = await SequenceCancellation.CancelRestAsync(turn.Connection, [id], now, cancellationToken);
        var pending = await turn.QueryAsync<Guid>(
            "CancelPendingRest", new { id, code = Reasons.SequenceBroken, sentence = Reasons.SequenceBrokenSentence, now });
        await turn.CommitAsync();

        // The turn of what was handed over is free for the user's next one.
        sender.Set();
        Log.MessageCancelled(logger, id, turn.UserId, Reasons.CancelledByCaller);
        foreach (var other in waiting.Concat(pending))
            Log.MessageCancelled(logger, other, turn.UserId, Reasons.SequenceBroken);
    }
}

/// <summary>What a caller learns of a message that is cancelled.</summary>
/// <param name="MessageId">The message.</param>
/// <param name="Code">Who or what has cancelled it; null: another program, without a word.</param>
/// <param name="Reason">The same in a sentence.</param>
/// <param name="CancelledAt">When; null: before this service kept that.</param>
public sealed record CancelAnswer(Guid MessageId, string? Code, string? Reason, Instant? CancelledAt)
{
    /// <summary>Always true: a refusal is a problem, not an answer.</summary>
    public bool Success { get; } = true;

    /// <summary>Always so.</summary>
    public string Status { get; } = "cancelled";
}

/// <summary>Where a message stands, for those who came too late.</summary>
/// <param name="Id">The message.</param>
/// <param name="Status">Its status.</param>
/// <param name="Code">How it ended; null: it was handed over.</param>
/// <param name="Reason">The same in a sentence.</param>
/// <param name="FinishedAt">When it left the queue.</param>
/// <param name="Sms">How far its SMS has come; null: it was not handed over.</param>
public sealed record MessageState(Guid Id, string Status, string? Code, string? Reason, Instant? FinishedAt, SmsView? Sms)
{
    /// <summary>The state of a message.</summary>
    public static MessageState Of(MessageView message) =>
        new(message.Id, message.Status, message.Code, message.Reason, message.FinishedAt, message.Sms);
}
