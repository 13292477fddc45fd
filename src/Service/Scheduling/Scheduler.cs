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

    /// <summary>Queues the message.</summary>
    /// <param name="request">The checked request.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null: none.</param>
    /// <param name="dryRun">Whether to answer the same and store nothing.</param>
    /// <param name="cancellationToken">Ends the wait; what is committed stays.</param>
    /// <exception cref="NpgsqlException">The database is out of reach; nothing is stored, or the answer was lost on its way.</exception>
    public async Task<ScheduleOutcome> ScheduleAsync(
        ScheduleRequest request, string? key, bool dryRun, CancellationToken cancellationToken)
    {
        if (!request.HasContent)
            return new ScheduleOutcome.Refused(Problem.ModelNotConfigured());

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if (await NormalizeAsync(request, connection, cancellationToken) is not { } known)
            return Refuse(request, userIsKnown: false);

        var hash = HashOf(known);
        for (var attempt = 0; attempt < MostAttempts; attempt++)
        {
            var context = await SchedulingContext.LoadAsync(
                connection, clock, known, dryRun ? null : key, settings.Rules.BusyAbove, cancellationToken);
            if (context.Key is { MessageIsGone: true })
            {
                await connection.ExecuteAsync(new CommandDefinition(Sql.Query("FreeKey"), new { key }, cancellationToken: cancellationToken));
                continue;
            }

            if (context.Key is { } earlier && !(earlier.FinishedAt + KeyLife <= context.Now))
                return Replay(earlier, hash, context.Now);
            if (context.User is null || context.ConversationIsUnknown)
                return Refuse(request, userIsKnown: context.User is not null);
            if (request.ExpiresAt <= context.Now)
                return new ScheduleOutcome.Refused(Problem.InvalidRequest("expiresAt", "is already past"));

            var plan = Plan(known, context);
            if (dryRun)
                return new ScheduleOutcome.Answered((plan.Answer with { MessageId = null, DryRun = true }).ToJson(), Replayed: false);

            try
            {
                if (await InsertAsync(connection, known, context, plan, key, hash, cancellationToken))
                    return await AnswerAsync(connection, known, context, plan, key, cancellationToken);
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.ForeignKeyViolation)
            {
                // Deleted between the look and the insert.
                return Refuse(request, userIsKnown: false);
            }
            catch (PostgresException e) when (DatabaseErrors.IsRefusedData(e))
            {
                return new ScheduleOutcome.Refused(Problem.InvalidRequest("messageData", "holds a value that cannot be stored, such as a number beyond all bounds"));
            }

            // Another request took the key between the look and the insert: look again.
        }

        return new ScheduleOutcome.Refused(Problem.IdempotencyKeyRunning());
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

    /// <summary>Decides the message as a dispatch would, behind everything of the user's that goes before it.</summary>
    private MessagePlan Plan(ScheduleRequest request, SchedulingContext context)
    {
        var now = context.Now;
        var recipient = recipients.Create(context.User!, context.Budgets, context.HasHigherLaneWaiting);
        var message = new QueuedMessage
        {
            Id = Guid.CreateVersion7(),
            Lane = request.Lane,
            CreatedAt = now,
            ScheduledFor = now,
            NotBefore = request.ScheduledFor,
            ExpiresAt = request.ExpiresAt,
            CanDelay = request.CanDelay,
            HasContent = true,
        };
        if (message.Lane >= Lane.Medium && message.CanDelay)
        {
            var hours = context.BestHours.Count > 0 ? context.BestHours : BestTime.LearnHours(context.Inbound, recipient.Zone);
            message = message with { BestAt = BestTime.Choose(message.EligibleAt, hours, recipient, settings.Rules) };
        }

        var policy = new DeliveryPolicy(recipient, settings.Rules, context.HigherLanesDue);
        foreach (var waiting in DeliveryPolicy.Order(context.Waiting.Select(m => m.ToQueuedMessage()), now, settings.Rules))
            policy.Reserve(waiting, now);

        var decision = policy.Decide(message, now);
        return decision switch
        {
            Decision.Defer defer => new(message, defer.By, ScheduleAnswer.From(message.Id, "queued", defer.Until, defer.By.Code())),
            Decision.Fail fail => new(message, null, ScheduleAnswer.From(message.Id, "queued", now, fail.Because.Code())),
            _ => new(message, null, ScheduleAnswer.From(message.Id, request.Lane == Lane.Urgent ? "sent" : "queued", now, null)),
        };
    }

    /// <summary>Stores the message and takes its key in one transaction; false where the key is taken.</summary>
    private async Task<bool> InsertAsync(
        NpgsqlConnection connection, ScheduleRequest request, SchedulingContext context, MessagePlan plan, string? key, byte[] hash,
        CancellationToken cancellationToken)
    {
        var inserted = await connection.QueryAsync<Guid>(new CommandDefinition(
            Sql.Query("InsertMessage"),
            new
            {
                id = plan.Message.Id,
                userId = request.UserId,
                agentId = request.AgentId,
                messageData = request.MessageData,
                scheduledFor = plan.Answer.ScheduledFor,
                priority = request.Lane.Name(),
                conversationId = context.ConversationId,
                requiresFreshContext = request.RequiresFreshContext,
                canDelay = request.CanDelay,
                notBefore = request.ScheduledFor,
                expiresAt = request.ExpiresAt,
                bestAt = plan.Message.BestAt,
                code = plan.HeldBy?.Code(),
                sentence = plan.HeldBy?.Sentence(),
                now = context.Now,
                key,
                requestHash = hash,
                // An urgent message's answer is final after its dispatch. Where that is never heard of, this one stands.
                runningUntil = request.Lane == Lane.Urgent ? context.Now + LongestRun : context.Now,
                answer = (plan.Answer with { Status = "queued" }).ToJson(),
            },
            cancellationToken: cancellationToken));
        if (!inserted.Any())
            return false;

        Log.MessageQueued(logger, plan.Message.Id, plan.Answer.ScheduledFor);
        return true;
    }

    private async Task<ScheduleOutcome> AnswerAsync(
        NpgsqlConnection connection, ScheduleRequest request, SchedulingContext context, MessagePlan plan, string? key,
        CancellationToken cancellationToken)
    {
        var answer = (plan.Answer with { Status = "queued" }).ToJson();
        if (request.Lane != Lane.Urgent)
            return new ScheduleOutcome.Answered(answer, Replayed: false);

        try
        {
            // The dispatch takes a connection of its own: keeping this one would let many urgent requests starve one another.
            await connection.CloseAsync();
            if (plan.HeldBy is null || context.Waiting.Any(m => m.ScheduledFor <= context.Now))
                await dispatcher.DispatchUserAsync(request.UserId, cancellationToken);
            answer = (await ReadStateAsync(connection, plan.Message.Id, cancellationToken)).ToJson();
            if (key is not null)
            {
                var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
                answer = await connection.QuerySingleAsync<string>(new CommandDefinition(Sql.Query("StoreAnswer"),
                    new { key, messageId = plan.Message.Id, answer, now }, cancellationToken: cancellationToken));
            }
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // Whatever went wrong: the message is stored, and a 200 says so; the next dispatch takes it.
            Log.UrgentLeftToNextDispatch(logger, e, plan.Message.Id);
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

    /// <summary>A message about to be stored.</summary>
    /// <param name="Message">As the rules see it.</param>
    /// <param name="HeldBy">The first rule that holds it back; null: none does.</param>
    /// <param name="Answer">What its caller is told.</param>
    private sealed record MessagePlan(QueuedMessage Message, Hold? HeldBy, ScheduleAnswer Answer);

    private sealed record MessageState
    {
        public required string Status { get; init; }

        public Instant ScheduledFor { get; init; }

        public string? Reason { get; init; }
    }
}
