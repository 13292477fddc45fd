using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Scheduling;

/// <summary>Queues messages: checks them against the database, predicts their time by the rules that will decide it, and stores them.</summary>
public sealed class Scheduler(
    NpgsqlDataSource database, DatabaseClock clock, IdFormat ids, Recipients recipients, Dispatcher dispatcher, QueueAlarm alarm, Settings settings,
    ILogger<Scheduler> logger)
{
    /// <summary>How long the dispatch of an urgent first request may take before others are given the answer kept so far.</summary>
    private static readonly Duration LongestRun = Duration.FromSeconds(30);

    /// <summary>How often a key may be snatched away between the look and the insert before the caller is told to wait.</summary>
    private const int MostAttempts = 5;

    /// <summary>Queues the message, or the messages of one request.</summary>
    /// <param name="request">The checked request.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null: none.</param>
    /// <param name="dryRun">Whether to answer the same and store nothing.</param>
    /// <param name="cancellationToken">Ends the wait; what is committed stays.</param>
    /// <exception cref="NpgsqlException">The database is out of reach; nothing is stored, or the answer was lost on its way.</exception>
    public async Task<ScheduleOutcome> ScheduleAsync(
        ScheduleRequest request, string? key, bool dryRun, CancellationToken cancellationToken)
    {
        if (Admission.UnsendableRefusal(request, settings) is { } unsendable)
            return unsendable;

        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            // One that breaks while an attempt is given up says nothing, and takes no further one.
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            if (Admission.Normalize(request, await ids.ReadAsync(connection, cancellationToken)) is not { } known)
                return Admission.UserIsUnknown(request);

            var (outcome, stored) = await TryAsync(connection, known, key, Admission.HashOf(known, key), dryRun, cancellationToken);
            if (outcome is not null)
                return outcome;
            if (stored is not null)
                return await AnswerAsync(connection, known, stored, key, cancellationToken);
            // Another request took the key between the look and the insert, or its message is gone: look again.
        }

        return new ScheduleOutcome.Refused(Problem.IdempotencyKeyRunning());
    }

    /// <summary>Looks, plans and stores; neither an outcome nor anything stored where it has to be tried again.</summary>
    private async Task<(ScheduleOutcome? Outcome, Stored? Stored)> TryAsync(
        NpgsqlConnection connection, ScheduleRequest request, string? key, byte[]? hash, bool dryRun, CancellationToken cancellationToken)
    {
        await using var turn = Admission.TakesTurn(request) && !dryRun ? await TakeTurnAsync(connection, request.UserId, cancellationToken) : null;
        var context = await SchedulingContext.LoadAsync(
            connection, clock, request, dryRun ? null : key, settings.Rules.BusyAbove, cancellationToken);
        if (context.Key is { MessageIsGone: true })
        {
            await connection.ExecuteAsync(new CommandDefinition(Sql.Query("FreeKey"), new { key }, cancellationToken: cancellationToken));
            if (turn is not null)
                await turn.CommitAsync(cancellationToken);
            return default;
        }

        if (context.Key is { } earlier && !Admission.IsOver(earlier, context.Now))
            return (Admission.Replay(earlier, hash!, context.Now), null);
        if (Admission.Refusal(request, context) is { } refusal)
            return (refusal, null);

        var plan = MessagePlan.Make(request, context, recipients, settings);
        if (dryRun)
            return (new ScheduleOutcome.Answered(plan.AnswerOfDryRun.ToJson(), Replayed: false), null);

        try
        {
            if (!await InsertAsync(connection, request, context, plan, key, hash, cancellationToken))
                return default;
            if (turn is not null)
            {
                var superseded = await FitInAsync(connection, request, context, plan, cancellationToken);
                await turn.CommitAsync(cancellationToken);
                foreach (var id in superseded)
                    Log.MessageSuperseded(logger, id, request.UserId, plan.Ids[0]);
            }

            alarm.Set(plan.Answer.ScheduledFor - context.Now);
            ScheduleTelemetry.Queued(plan.Ids, plan.Message.Lane);
            foreach (var id in plan.Ids)
                Log.MessageQueued(logger, id, plan.Answer.ScheduledFor);
            return (null, new Stored(context, plan));
        }
        catch (PostgresException e) when (Admission.RefusalBecauseOf(e, request) is not null)
        {
            return (Admission.RefusalBecauseOf(e, request), null);
        }
    }

    private static async Task<NpgsqlTransaction> TakeTurnAsync(NpgsqlConnection connection, string userId, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            Sql.Batch("BoundTransaction", "PlanByIndex", "LockUser"), new { lockTimeout = "5s", userId }, transaction, cancellationToken: cancellationToken));
        return transaction;
    }

    /// <summary>Stores the message or messages and takes the key, all or nothing; false where the key is taken.</summary>
    private static async Task<bool> InsertAsync(
        NpgsqlConnection connection, ScheduleRequest request, SchedulingContext context, MessagePlan plan, string? key, byte[]? hash,
        CancellationToken cancellationToken)
    {
        var total = request.Sequence?.Total ?? (request.Following is null ? null : plan.Ids.Count);
        var insert = Admission.TakesTurn(request) ? "InsertMessages" : "InsertMessage";
        var inserted = await connection.QueryAsync<Guid>(new CommandDefinition(
            MessageTraces.StatementsFor([insert], plan.Held is not null, [request]),
            new
            {
                id = plan.Ids[0],
                ids = plan.Ids.ToArray(),
                userId = request.UserId,
                agentId = request.AgentId,
                messageData = request.MessageData,
                messages = (string[])[request.MessageData, .. request.Following ?? []],
                scheduledFor = plan.Answer.ScheduledFor,
                priority = plan.Message.Lane.Name(),
                conversationId = context.ConversationId,
                requiresFreshContext = request.RequiresFreshContext,
                canDelay = request.CanDelay,
                notBefore = request.ScheduledFor,
                expiresAt = request.ExpiresAt,
                bestAt = plan.Message.BestAt,
                code = plan.Held?.By.Code(),
                now = context.Now,
                topic = request.Topic,
                sequenceId = plan.SequenceId,
                sequenceKey = request.Sequence?.Id,
                positions = plan.Ids.Select((_, index) => plan.SequenceId is null ? (int?)null : request.Sequence?.Position ?? index + 1).ToArray(),
                sequenceTotal = total,
                heldIds = plan.Ids.ToArray(),
                logIds = MessagePlan.NewIds(plan.Ids.Count),
                sentences = plan.Ids.Select(_ => plan.Held?.Sentence).ToArray(),
                scheduledBys = plan.Ids.Select(_ => request.ScheduledBy).ToArray(),
                traceparents = plan.Ids.Select(_ => request.Traceparent).ToArray(),
                key,
                requestHash = hash,
                // An urgent message's answer is final after its dispatch. Where that is never heard of, this one stands.
                runningUntil = plan.IsUrgent ? context.Now + LongestRun : context.Now,
                answer = plan.AnswerOnceStored.ToJson(),
            },
            cancellationToken: cancellationToken));
        return inserted.Any();
    }

    /// <summary>Moves the rest of the sequence to the new slot, and ends what the message supersedes.</summary>
    /// <returns>The ids of the messages superseded.</returns>
    private static async Task<IEnumerable<Guid>> FitInAsync(
        NpgsqlConnection connection, ScheduleRequest request, SchedulingContext context, MessagePlan plan, CancellationToken cancellationToken)
    {
        if (context.Sequence.Count > 0)
        {
            await connection.ExecuteAsync(new CommandDefinition(
                Sql.Query("RescheduleSequence"),
                new
                {
                    id = plan.Ids[0],
                    request.UserId,
                    plan.SequenceId,
                    priority = plan.Message.Lane.Name(),
                    plan.Answer.ScheduledFor,
                    code = plan.Held?.By.Code(),
                    sentence = plan.Held?.Sentence,
                    plan.Message.BestAt,
                    context.Now,
                },
                cancellationToken: cancellationToken));
        }

        return request.Topic is null ? [] : await connection.QueryAsync<Guid>(new CommandDefinition(
            Sql.Query("SupersedeMessages"),
            new
            {
                by = plan.Ids[0],
                request.UserId,
                request.Topic,
                plan.SequenceId,
                code = Reasons.NewerTopic,
                sentence = Reasons.NewerTopicSentence,
                context.Now,
            },
            cancellationToken: cancellationToken));
    }

    private async Task<ScheduleOutcome> AnswerAsync(
        NpgsqlConnection connection, ScheduleRequest request, Stored stored, string? key, CancellationToken cancellationToken)
    {
        var (context, plan) = stored;
        var answer = plan.AnswerOnceStored.ToJson();
        if (!plan.IsUrgent)
            return new ScheduleOutcome.Answered(answer, Replayed: false);

        try
        {
            // The dispatch takes a connection of its own: keeping this one would let many urgent requests starve one another.
            await connection.CloseAsync();
            if (plan.Held is null || context.Waiting.Any(m => m.ScheduledFor <= context.Now))
                await dispatcher.DispatchUserAsync(request.UserId, cancellationToken);
            var state = await ReadStateAsync(connection, plan.Ids[0], cancellationToken);
            // While the model is at it, the lease's end is no time that anybody waits for.
            if (state.Code == Reasons.Rendering)
                state = state with { ScheduledFor = plan.Answer.ScheduledFor };
            answer = (state with { MessageIds = plan.Answer.MessageIds }).ToJson();
            if (key is not null)
            {
                var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
                answer = await connection.QuerySingleAsync<string>(new CommandDefinition(Sql.Query("StoreAnswer"),
                    new { key, messageId = plan.Ids[0], answer, now }, cancellationToken: cancellationToken));
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever went wrong: the message is stored, and a 200 says so; the next dispatch takes it.
            Log.UrgentLeftToNextDispatch(logger, e, plan.Ids[0]);
        }

        return new ScheduleOutcome.Answered(answer, Replayed: false);
    }

    private static async Task<ScheduleAnswer> ReadStateAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken)
    {
        var state = await connection.QuerySingleAsync<MessageState>(new CommandDefinition(
            Sql.Query("ReadMessageState"), new { id }, cancellationToken: cancellationToken));
        return ScheduleAnswer.From(id, state.Status, state.ScheduledFor, state.Reason);
    }

    /// <summary>What a request has stored, and what was known when it did.</summary>
    private sealed record Stored(SchedulingContext Context, MessagePlan Plan);

    private sealed record MessageState
    {
        public required string Status { get; init; }

        public Instant ScheduledFor { get; init; }

        public string? Reason { get; init; }
    }
}
