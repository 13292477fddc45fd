using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Messages;

/// <summary>Changes messages that still wait, and finds their time anew by the rules that will decide it.</summary>
public sealed class MessageChanges(
    NpgsqlDataSource database, DatabaseClock clock, Recipients recipients, Dispatcher dispatcher, MessageReader reader, QueueAlarm alarm, Settings settings,
    ILogger<MessageChanges> logger)
{
    /// <summary>How often other hands may end messages of its sequence in the middle of a change.</summary>
    private const int MostAttempts = 3;

    /// <summary>Changes the message, or says why not; in the end all of it is changed or nothing.</summary>
    /// <param name="id">The message.</param>
    /// <param name="request">What is to change.</param>
    /// <param name="cancellationToken">Ends the wait; what is committed stays.</param>
    /// <returns>The answer, as scheduling gives it; or the problem.</returns>
    /// <exception cref="NpgsqlException">The database is out of reach, or the user in other hands for too long; nothing has changed, or the answer was lost.</exception>
    public async Task<(ScheduleAnswer? Answer, Problem? Problem)> ChangeAsync(Guid id, ChangeRequest request, CancellationToken cancellationToken)
    {
        if (request.MessageData is { } data && Admission.WhyUnsendable(request.HasContent, settings, data) is { } unsendable)
            return (null, unsendable);

        for (var attempt = 1; ; attempt++)
        {
            Change? change;
            Problem? problem;
            try
            {
                await using var turn = await UsersTurn.TakeAsync(database, id, cancellationToken);
                if (turn is null)
                    return (null, Problem.MessageNotFound(id.ToString()));
                (change, problem) = await ChangeAsync(turn, id, request, cancellationToken);
            }
            catch (PostgresException e) when (request.MessageData is not null && DatabaseErrors.IsRefusedData(e))
            {
                return (null, Problem.InvalidRequest("messageData", "holds a value that cannot be stored, such as a number beyond all bounds"));
            }

            if (problem is not null)
                return (null, problem);
            if (change is not null)
            {
                Log.MessageChanged(logger, id, change.UserId, string.Join(", ", request.Fields), change.Answer.ScheduledFor);
                return (change.MayGoNow ? await DispatchAsync(change, cancellationToken) : change.Answer, null);
            }

            if (await reader.FindAsync(id, cancellationToken) is not { } late)
                return (null, Problem.MessageNotFound(id.ToString()));
            // It may wait still, where another message of its sequence was ended by hand in the middle of this.
            if (late.Status != "queued" || attempt == MostAttempts)
                return (null, Problem.MessageNotChangeable(late.Status, MessageState.Of(late)));
        }
    }

    /// <summary>Changes in the user's turn; neither a change nor a problem where the message waits no more.</summary>
    private async Task<(Change? Change, Problem? Problem)> ChangeAsync(UsersTurn turn, Guid id, ChangeRequest request, CancellationToken cancellationToken)
    {
        if ((await turn.QueryAsync<ClaimedMessage>("LoadMessageToChange", new { id })).SingleOrDefault() is not { Status: "queued" } message)
            return default;

        IReadOnlyList<ClaimedMessage> rows = message.SequenceId is null ? [message] : await turn.QueryAsync<ClaimedMessage>(
            "LoadSequences", new { userIds = new[] { turn.UserId }, sequenceIds = new[] { message.SequenceId.Value } });
        var changed = rows.Select(row => row.Status == "queued" ? Changed(row, isTheOne: row.Id == id, request) : row).ToList();
        var sequence = ClaimedSequence.Of(changed);
        var context = await SchedulingContext.LoadAsync(
            turn.Connection, clock, Asking(message, request), key: null, settings.Rules.BusyAbove, cancellationToken);
        if (context.User is null)
            return (null, Problem.UserNotFound(turn.UserId));
        if (Refusal(request, sequence.Waiting, context.Now) is { } refusal)
            return (null, refusal);

        var asOne = message.SequenceId is null ? AsQueued(sequence.Waiting[0]) : sequence.State.AsOne([.. sequence.Waiting.Select(AsQueued)], settings.Rules);
        var waiting = context.Waiting.Where(m => m.Id != id && (message.SequenceId is null || m.SequenceId != message.SequenceId)).ToList();
        // Found anew, where it still counts.
        (asOne, var decision) = MessagePlan.Foresee(asOne with { BestAt = null }, waiting, context, recipients, settings);
        var answer = MessagePlan.AnswerFor(id, decision, context.Now);
        var held = decision as Decision.Defer;

        var done = await turn.QueryAsync<Guid>("ChangeMessages", new
        {
            id,
            ids = sequence.Waiting.Select(m => m.Id).ToArray(),
            priority = asOne.Lane.Name(),
            answer.ScheduledFor,
            asOne.BestAt,
            code = held?.By.Code(),
            sentence = held?.Sentence,
            setsNotBefore = request.ScheduledFor is not null,
            notBefore = request.ScheduledFor?.Value,
            setsExpiresAt = request.ExpiresAt is not null,
            expiresAt = request.ExpiresAt?.Value,
            request.CanDelay,
            request.RequiresFreshContext,
            request.MessageData,
            fields = request.Fields.ToArray(),
            key = request.ChangedBy,
            change = $"The caller has changed {string.Join(", ", request.Fields)}.",
            context.Now,
        });
        // By hand, or by another program, a row can leave the queue in anybody's turn: then it is all or nothing.
        if (done.Count != sequence.Waiting.Count)
            return default;

        await turn.CommitAsync();
        alarm.Set(answer.ScheduledFor - context.Now);
        return (new Change(id, turn.UserId, answer, asOne is { Lane: Lane.Urgent, CompleteBy: null }
            && (held is null || waiting.Exists(m => m.ScheduledFor <= context.Now))), null);

        QueuedMessage AsQueued(ClaimedMessage row) => row.ToQueuedMessage(
            needsModel: settings.Model is not null && !row.HasContent && row.HasBrief,
            hasLostItsConversation: row.Id == id && row.ConversationId is not null && context.ConversationIsUnknown) with
        {
            // It has its place by the time since when it could have gone, not by the time of this change.
            HasBeenHeld = true,
            // A model that is at it, or was to be, begins anew.
            IsWithModel = false,
        };
    }

    /// <summary>The row with the change: lane and times of all messages of a sequence, what one says of that one alone.</summary>
    private static ClaimedMessage Changed(ClaimedMessage row, bool isTheOne, ChangeRequest request) => row with
    {
        Priority = request.Lane?.Name() ?? row.Priority,
        NotBefore = request.ScheduledFor is { } asked ? asked.Value : row.NotBefore ?? (row.Reason is null ? row.ScheduledFor : null),
        ExpiresAt = request.ExpiresAt is { } expiry ? expiry.Value : row.ExpiresAt,
        CanDelay = request.CanDelay ?? row.CanDelay,
        HasContent = isTheOne && request.MessageData is not null ? request.HasContent : row.HasContent,
        // The reader has seen to it that there is one of the two.
        HasBrief = row.HasBrief || isTheOne && request is { MessageData: not null, HasContent: false },
    };

    private static Problem? Refusal(ChangeRequest request, IReadOnlyList<ClaimedMessage> changed, Instant now) =>
        request.ExpiresAt?.Value <= now ? Problem.InvalidRequest("expiresAt", "is already past")
        : request.ExpiresAt is not null && changed.Any(m => m.ExpiresAt <= m.NotBefore)
            ? Problem.InvalidRequest("expiresAt", "must be after the message's scheduledFor")
        : request.ScheduledFor is not null && changed.Any(m => m.ExpiresAt <= m.NotBefore)
            ? Problem.InvalidRequest("scheduledFor", "must be before the message's expiresAt")
        : null;

    /// <summary>The message as if it were asked for now, to learn what a prediction needs.</summary>
    private static ScheduleRequest Asking(ClaimedMessage message, ChangeRequest request) => new()
    {
        UserId = message.UserId,
        AgentId = "",
        MessageData = "",
        HasContent = true,
        Lane = request.Lane ?? Lanes.Parse(message.Priority) ?? Lane.Medium,
        CanDelay = request.CanDelay ?? message.CanDelay,
        ConversationId = message.ConversationId,
    };

    /// <summary>Dispatches an urgent message inside the request, as scheduling does.</summary>
    private async Task<ScheduleAnswer> DispatchAsync(Change change, CancellationToken cancellationToken)
    {
        try
        {
            await dispatcher.DispatchUserAsync(change.UserId, cancellationToken);
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            var state = await connection.QuerySingleAsync<StateRow>(new CommandDefinition(
                Sql.Query("ReadMessageState"), new { change.Id }, cancellationToken: cancellationToken));
            // While the model is at it, the lease's end is no time that anybody waits for.
            return ScheduleAnswer.From(
                change.Id, state.Status, state.Reason == Reasons.Rendering ? change.Answer.ScheduledFor : state.ScheduledFor, state.Reason);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever went wrong: the change is stored, and a 200 says so; the next dispatch takes the message.
            Log.UrgentLeftToNextDispatch(logger, e, change.Id);
            return change.Answer;
        }
    }

    /// <summary>A change that is committed, what its caller is told, and whether it is dispatched at once.</summary>
    private sealed record Change(Guid Id, string UserId, ScheduleAnswer Answer, bool MayGoNow);

    private sealed record StateRow
    {
        public required string Status { get; init; }

        public Instant ScheduledFor { get; init; }

        public string? Reason { get; init; }
    }
}
