using System.Security.Cryptography;
using System.Text.Json;
using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Scheduling;

/// <summary>Queues messages: checks them against the database, predicts their time by the rules that will decide it, and stores them.</summary>
public sealed class Scheduler(
    NpgsqlDataSource database, DatabaseClock clock, IdFormat ids, Recipients recipients, Dispatcher dispatcher, Settings settings,
    ILogger<Scheduler> logger)
{
    /// <summary>How long the dispatch of an urgent first request may take before others are given the answer kept so far.</summary>
    private static readonly Duration LongestRun = Duration.FromSeconds(30);

    /// <summary>How often a key may be snatched away between the look and the insert before the caller is told to wait.</summary>
    private const int MostAttempts = 5;

    /// <summary>How long a key stands for its message after that has left the queue.</summary>
    private static readonly Duration KeyLife = Duration.FromHours(24);

    /// <summary>Queues the message, or the messages of one request.</summary>
    /// <param name="request">The checked request.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null: none.</param>
    /// <param name="dryRun">Whether to answer the same and store nothing.</param>
    /// <param name="cancellationToken">Ends the wait; what is committed stays.</param>
    /// <exception cref="NpgsqlException">The database is out of reach; nothing is stored, or the answer was lost on its way.</exception>
    public async Task<ScheduleOutcome> ScheduleAsync(
        ScheduleRequest request, string? key, bool dryRun, CancellationToken cancellationToken)
    {
        if (!request.HasContent && settings.Model is null)
            return new ScheduleOutcome.Refused(Problem.ModelNotConfigured());
        if (!request.HasContent && IsTooMuch(request))
            return new ScheduleOutcome.Refused(Problem.InvalidRequest("messageData", $"is more than a text message can be written from: at most {Prompt.LongestMessage} characters"));

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await NormalizeAsync(request, connection, cancellationToken) is not { } known)
            return Refuse(request, userIsKnown: false);

        var hash = HashOf(known);
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var (outcome, stored) = await TryAsync(connection, known, key, hash, dryRun, cancellationToken);
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
        NpgsqlConnection connection, ScheduleRequest request, string? key, byte[] hash, bool dryRun, CancellationToken cancellationToken)
    {
        await using var turn = TakesTurn(request) && !dryRun ? await TakeTurnAsync(connection, request.UserId, cancellationToken) : null;
        var context = await SchedulingContext.LoadAsync(
            connection, clock, request, dryRun ? null : key, settings.Rules.BusyAbove, cancellationToken);
        if (context.Key is { MessageIsGone: true })
        {
            await connection.ExecuteAsync(new CommandDefinition(Sql.Query("FreeKey"), new { key }, cancellationToken: cancellationToken));
            if (turn is not null)
                await turn.CommitAsync(cancellationToken);
            return default;
        }

        if (context.Key is { } earlier && !(earlier.FinishedAt + KeyLife <= context.Now))
            return (Replay(earlier, hash, context.Now), null);
        if (Refusal(request, context) is { } refusal)
            return (refusal, null);

        var plan = MessagePlan.Make(request, context, recipients, settings);
        if (dryRun)
            return (new ScheduleOutcome.Answered((plan.Answer with { MessageId = null, MessageIds = null, DryRun = true }).ToJson(), Replayed: false), null);

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

            foreach (var id in plan.Ids)
                Log.MessageQueued(logger, id, plan.Answer.ScheduledFor);
            return (null, new Stored(context, plan));
        }
        catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
        {
            // Deleted between the look and the insert.
            return (Refuse(request, userIsKnown: false), null);
        }
        catch (PostgresException e) when (DatabaseErrors.IsRefusedData(e))
        {
            return (new ScheduleOutcome.Refused(
                Problem.InvalidRequest("messageData", "holds a value that cannot be stored, such as a number beyond all bounds")), null);
        }
    }

    /// <summary>
    /// Whether the request bears on other messages of its user. Then it is stored in the user's turn: no two such requests for one user
    /// run at once, and none runs while a dispatch decides for that user.
    /// </summary>
    private static bool TakesTurn(ScheduleRequest request) =>
        request.Topic is not null || request.Sequence is not null || request.Following is not null;

    private static async Task<NpgsqlTransaction> TakeTurnAsync(NpgsqlConnection connection, string userId, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            Sql.Batch("BoundTransaction", "LockUser"), new { lockTimeout = "5s", userId }, transaction, cancellationToken: cancellationToken));
        return transaction;
    }

    /// <summary>Why the request cannot be taken as things stand; null: it can.</summary>
    private static ScheduleOutcome.Refused? Refusal(ScheduleRequest request, SchedulingContext context)
    {
        if (context.User is null || context.ConversationIsUnknown)
            return Refuse(request, userIsKnown: context.User is not null);
        if (request.ExpiresAt <= context.Now)
            return new(Problem.InvalidRequest("expiresAt", "is already past"));
        if (request.Sequence is not { } place || context.Sequence.Count == 0)
            return null;

        var sequence = ClaimedSequence.Of(context.Sequence).State;
        return sequence.ConflictWith(place.Position, place.Total) switch
        {
            null => null,
            SequenceConflict.Ended => new(Problem.SequenceConflict("sequence.id", "is that of a sequence that has ended; use a new one")),
            SequenceConflict.TotalDiffers => new(Problem.SequenceConflict("sequence.total", $"was {sequence.Total} in earlier messages")),
            SequenceConflict.PositionTaken => new(Problem.SequenceConflict("sequence.position", "is taken by another message")),
            var other => throw new InvalidOperationException($"Unknown conflict {other}."),
        };
    }

    private static ScheduleOutcome.Refused Refuse(ScheduleRequest request, bool userIsKnown) => new(
        userIsKnown ? Problem.ConversationNotFound(request.ConversationId!) : Problem.UserNotFound(request.UserId));

    /// <summary>The request with ids as the database spells them; null where one cannot be an id of this database.</summary>
    private async Task<ScheduleRequest?> NormalizeAsync(ScheduleRequest request, NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var format = await ids.ReadAsync(connection, cancellationToken);
        if (format.Normalize(request.UserId) is not { } userId)
            return null;
        // A conversation that cannot exist is looked up as one that does not.
        var conversationId = request.ConversationId is null ? null : format.Normalize(request.ConversationId) ?? Guid.Empty.ToString();
        return request with { UserId = userId, ConversationId = conversationId };
    }

    /// <summary>Stores the message or messages and takes the key, all or nothing; false where the key is taken.</summary>
    private static async Task<bool> InsertAsync(
        NpgsqlConnection connection, ScheduleRequest request, SchedulingContext context, MessagePlan plan, string? key, byte[] hash,
        CancellationToken cancellationToken)
    {
        var total = request.Sequence?.Total ?? (request.Following is null ? null : plan.Ids.Count);
        var insert = TakesTurn(request) ? "InsertMessages" : "InsertMessage";
        var inserted = await connection.QueryAsync<Guid>(new CommandDefinition(
            request.ScheduledBy is null ? Sql.Query(insert) : Sql.Batch(insert, "LogQueued"),
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
                code = plan.HeldBy?.Code(),
                sentence = plan.HeldBy?.Sentence(),
                now = context.Now,
                topic = request.Topic,
                sequenceId = plan.SequenceId,
                sequenceKey = request.Sequence?.Id,
                positions = plan.Ids.Select((_, index) => plan.SequenceId is null ? (int?)null : request.Sequence?.Position ?? index + 1).ToArray(),
                sequenceTotal = total,
                scheduledBy = request.ScheduledBy,
                key,
                requestHash = hash,
                // An urgent message's answer is final after its dispatch. Where that is never heard of, this one stands.
                runningUntil = plan.IsUrgent ? context.Now + LongestRun : context.Now,
                answer = (plan.Answer with { Status = "queued" }).ToJson(),
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
                    code = plan.HeldBy?.Code(),
                    sentence = plan.HeldBy?.Sentence(),
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

    private static bool IsTooMuch(ScheduleRequest request) =>
        request.Following?.Append(request.MessageData).Any(data => data.Length > Prompt.LongestMessage) ?? request.MessageData.Length > Prompt.LongestMessage;

    private async Task<ScheduleOutcome> AnswerAsync(
        NpgsqlConnection connection, ScheduleRequest request, Stored stored, string? key, CancellationToken cancellationToken)
    {
        var (context, plan) = stored;
        var answer = (plan.Answer with { Status = "queued" }).ToJson();
        if (!plan.IsUrgent)
            return new ScheduleOutcome.Answered(answer, Replayed: false);

        try
        {
            // The dispatch takes a connection of its own: keeping this one would let many urgent requests starve one another.
            await connection.CloseAsync();
            if (plan.HeldBy is null || context.Waiting.Any(m => m.ScheduledFor <= context.Now))
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

    private static ScheduleOutcome Replay(IdempotencyKeyRow earlier, byte[] hash, Instant now) =>
        !CryptographicOperations.FixedTimeEquals(earlier.RequestHash, hash) ? new ScheduleOutcome.Refused(Problem.IdempotencyKeyReused())
        : earlier.RunningUntil > now ? new ScheduleOutcome.Refused(Problem.IdempotencyKeyRunning())
        : new ScheduleOutcome.Answered(earlier.Answer, Replayed: true);

    private static async Task<ScheduleAnswer> ReadStateAsync(NpgsqlConnection connection, Guid id, CancellationToken cancellationToken)
    {
        var state = await connection.QuerySingleAsync<MessageState>(new CommandDefinition(
            Sql.Query("ReadMessageState"), new { id }, cancellationToken: cancellationToken));
        return ScheduleAnswer.From(id, state.Status, state.ScheduledFor, state.Reason);
    }

    /// <summary>The digest of what was asked for; the order of fields and white space between them do not count.</summary>
    private static byte[] HashOf(ScheduleRequest request) =>
        SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(request, ScheduleAnswer.Json));

    /// <summary>What a request has stored, and what was known when it did.</summary>
    private sealed record Stored(SchedulingContext Context, MessagePlan Plan);

    private sealed record MessageState
    {
        public required string Status { get; init; }

        public Instant ScheduledFor { get; init; }

        public string? Reason { get; init; }
    }
}
