using Dapper;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Scheduling;

/// <summary>What is known of a user when a message for them is scheduled: read in one round trip.</summary>
internal sealed record SchedulingContext
{
    /// <summary>How many messages already waiting are looked at; behind more than these, the predicted time is the earliest possible.</summary>
    private const int MostWaiting = 10_000;

    public required Instant Now { get; init; }

    /// <summary>Null: there is no such user.</summary>
    public UserRow? User { get; init; }

    public required IReadOnlyList<BudgetRow> Budgets { get; init; }

    /// <summary>The messages of the user that go before the new one.</summary>
    public required IReadOnlyList<ClaimedMessage> Waiting { get; init; }

    /// <summary>The local hours given as best for the user; empty where none are.</summary>
    public required IReadOnlyList<int> BestHours { get; init; }

    /// <summary>When the user has written lately.</summary>
    public required IReadOnlyList<Instant> Inbound { get; init; }

    /// <summary>The conversation to use; null where the user has none yet.</summary>
    public string? ConversationId { get; init; }

    /// <summary>Whether the request names a conversation that the user does not have.</summary>
    public bool ConversationIsUnknown { get; init; }

    /// <summary>What is known of the request's idempotency key; null: nothing, or none was sent.</summary>
    public IdempotencyKeyRow? Key { get; init; }

    /// <summary>How many messages of higher lanes are due; read for low messages only.</summary>
    public int HigherLanesDue { get; init; }

    /// <summary>What has arrived of the sequence that the request names, in order; empty where nothing has, or it names none.</summary>
    public required IReadOnlyList<ClaimedMessage> Sequence { get; init; }

    public static async Task<SchedulingContext> LoadAsync(
        NpgsqlConnection connection, DatabaseClock clock, ScheduleRequest request, string? key, int busyAbove, CancellationToken cancellationToken)
    {
        var parameters = new
        {
            request.UserId,
            userIds = new[] { request.UserId },
            conversationIds = request.ConversationId is { } id ? [id] : Array.Empty<string>(),
            lanes = Lanes.Names.Take((int)request.Lane + 1).ToArray(),
            limit = MostWaiting,
            key,
            request.AgentId,
            sequenceKey = request.Sequence?.Id,
        };
        // Each statement is planned anew, which costs more than running it: only what the request calls for is asked.
        var seeksBestTime = request.Lane >= Lane.Medium && request.CanDelay;
        var namesConversation = request.ConversationId is not null;
        List<string> statements = ["ReadClock", "LoadUsers", "LoadBudgets", "LoadWaitingMessages"];
        statements.Add(namesConversation ? "CheckConversations" : "LoadActiveConversations");
        if (seeksBestTime)
            statements.Add("LoadAnswerTimes");
        if (key is not null)
            statements.Add("FindIdempotencyKey");
        if (request.Sequence is not null)
            statements.Add("FindSequence");

        SchedulingContext context;
        await using (var results = await connection.QueryMultipleAsync(
            new CommandDefinition(Sql.Batch(statements), parameters, cancellationToken: cancellationToken)))
        {
            var now = clock.Of(await results.ReadSingleAsync<Instant>());
            var user = await results.ReadSingleOrDefaultAsync<UserRow>();
            var budgets = (await results.ReadAsync<BudgetRow>()).AsList();
            var waiting = (await results.ReadAsync<ClaimedMessage>()).AsList();
            var conversation = (await results.ReadAsync<ConversationRow>()).SingleOrDefault(c => c.UserId == request.UserId);
            var answers = seeksBestTime ? await results.ReadSingleOrDefaultAsync<AnswerTimesRow>() : null;
            context = new SchedulingContext
            {
                Now = now,
                User = user,
                Budgets = budgets,
                Waiting = waiting,
                BestHours = ParseHours(answers?.BestHours),
                Inbound = answers?.Inbound ?? [],
                ConversationId = conversation?.Id,
                ConversationIsUnknown = namesConversation && conversation is null,
                Key = key is null ? null : await results.ReadSingleOrDefaultAsync<IdempotencyKeyRow>(),
                Sequence = request.Sequence is null ? [] : (await results.ReadAsync<ClaimedMessage>()).AsList(),
            };
        }

        return request.Lane != Lane.Low ? context : context with
        {
            HigherLanesDue = (int)await connection.ExecuteScalarAsync<long>(new CommandDefinition(
                Sql.Query("CountHigherLanesDue"), new { now = context.Now, limit = busyAbove + 1 }, cancellationToken: cancellationToken)),
        };
    }

    /// <summary>Reads <c>response_pattern.best_hours</c>, which other programs write: what is not a whole hour is passed over.</summary>
    private static IReadOnlyList<int> ParseHours(string? json)
    {
        if (json is null)
            return [];

        try
        {
            using var document = System.Text.Json.JsonDocument.Parse(json);
            return document.RootElement.ValueKind != System.Text.Json.JsonValueKind.Array ? [] :
            [
                .. document.RootElement.EnumerateArray()
                    .Select(hour => hour.ValueKind == System.Text.Json.JsonValueKind.Number && hour.TryGetInt32(out var value) ? value : -1)
                    .Where(hour => hour is >= 0 and < 24),
            ];
        }
        catch (System.Text.Json.JsonException)
        {
            return [];
        }
    }

    private sealed record AnswerTimesRow
    {
        public string? BestHours { get; init; }

        public required Instant[] Inbound { get; init; }
    }
}

/// <summary>A conversation and whose it is.</summary>
internal sealed record ConversationRow
{
    public required string Id { get; init; }

    public required string UserId { get; init; }
}

/// <summary>A row of FindIdempotencyKey.</summary>
internal sealed record IdempotencyKeyRow
{
    public required byte[] RequestHash { get; init; }

    /// <summary>Until then the first request may still be running, and its answer may change.</summary>
    public Instant RunningUntil { get; init; }

    public required string Answer { get; init; }

    public bool MessageIsGone { get; init; }

    public Instant? FinishedAt { get; init; }
}
