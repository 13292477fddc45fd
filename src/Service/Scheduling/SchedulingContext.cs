using Dapper;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Scheduling;

/// <summary>What is known of a user when a message for them is scheduled: read in one round trip, for many requests too.</summary>
internal sealed record SchedulingContext
{
    /// <summary>How many messages already waiting are looked at; behind more than these, the predicted time is the earliest possible.</summary>
    private const int MostWaiting = 10_000;

    /// <summary>How many are looked at for all users of many requests together, to bound what is held in memory.</summary>
    private const int MostWaitingInAll = 50_000;

    private const int FewestWaiting = 100;

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

    /// <summary>How many messages of higher lanes are due; read where a low message is among the requests, which alone asks for it.</summary>
    public int HigherLanesDue { get; init; }

    /// <summary>What has arrived of the sequence that the request names, in order; empty where nothing has, or it names none.</summary>
    public required IReadOnlyList<ClaimedMessage> Sequence { get; init; }

    /// <summary>What is known for one request, which may name a sequence.</summary>
    public static async Task<SchedulingContext> LoadAsync(
        NpgsqlConnection connection, DatabaseClock clock, ScheduleRequest request, string? key, int busyAbove, CancellationToken cancellationToken) =>
        (await LoadAsync(connection, clock, [(request, key)], busyAbove, cancellationToken))[0];

    /// <summary>What is known for each of many requests, none of which names a sequence, in their order; read for all of them at once.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="clock">The clock of every decision.</param>
    /// <param name="asked">The requests, with ids as the database spells them, and their keys; at least one.</param>
    /// <param name="busyAbove">How far to count messages of higher lanes.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public static async Task<IReadOnlyList<SchedulingContext>> LoadAsync(
        NpgsqlConnection connection, DatabaseClock clock, IReadOnlyList<(ScheduleRequest Request, string? Key)> asked, int busyAbove,
        CancellationToken cancellationToken)
    {
        var worstLanes = new Dictionary<string, Lane>(asked.Count);
        foreach (var (request, _) in asked)
            worstLanes[request.UserId] = worstLanes.TryGetValue(request.UserId, out var lane) && lane > request.Lane ? lane : request.Lane;
        var userIds = worstLanes.Keys.ToArray();
        var sequence = asked is [{ Request: { Sequence: not null } single }] ? single : null;
        var parameters = new
        {
            userIds,
            worstLanes = worstLanes.Values.Select(lane => lane.Name()).ToArray(),
            limit = Math.Clamp(MostWaitingInAll / userIds.Length, FewestWaiting, MostWaiting),
            conversationIds = asked.Select(a => a.Request.ConversationId).OfType<string>().Distinct().ToArray(),
            answeringUserIds = asked.Where(a => SeeksBestTime(a.Request)).Select(a => a.Request.UserId).Distinct().ToArray(),
            keys = asked.Select(a => a.Key).OfType<string>().Distinct().ToArray(),
            userId = sequence?.UserId,
            agentId = sequence?.AgentId,
            sequenceKey = sequence?.Sequence!.Id,
        };
        // Each statement is planned anew, which for one request costs more than running it: only what is called for is asked.
        var anyFinds = asked.Any(a => a.Request.ConversationId is null);
        List<string> statements = ["PlanByIndex", "ReadClock", "LoadUsers", "LoadBudgets", "LoadWaitingMessages"];
        if (parameters.conversationIds.Length > 0)
            statements.Add("CheckConversations");
        if (anyFinds)
            statements.Add("LoadActiveConversations");
        if (parameters.answeringUserIds.Length > 0)
            statements.Add("LoadAnswerTimes");
        if (parameters.keys.Length > 0)
            statements.Add("FindIdempotencyKeys");
        if (sequence is not null)
            statements.Add("FindSequence");

        Instant now;
        Dictionary<string, UserRow> users;
        Dictionary<string, List<BudgetRow>> budgets;
        Dictionary<string, List<ClaimedMessage>> waiting;
        HashSet<(string Id, string UserId)> known;
        Dictionary<string, string> active;
        Dictionary<string, AnswerTimesRow> answers;
        Dictionary<string, IdempotencyKeyRow> keys;
        IReadOnlyList<ClaimedMessage> arrived;
        await using (var results = await ResultSets.QueryAsync(
            connection, new CommandDefinition(Sql.Batch(statements), parameters, cancellationToken: cancellationToken)))
        {
            await results.SkipAsync();
            now = clock.Of(await results.ReadSingleAsync<Instant>());
            users = (await results.ReadAsync<UserRow>()).ToDictionary(user => user.UserId);
            budgets = ByUser(await results.ReadAsync<BudgetRow>(), budget => budget.UserId);
            waiting = ByUser(await results.ReadAsync<ClaimedMessage>(), message => message.UserId);
            known = parameters.conversationIds.Length == 0 ? [] : [.. (await results.ReadAsync<ConversationRow>()).Select(c => (c.Id, c.UserId))];
            active = anyFinds ? (await results.ReadAsync<ConversationRow>()).ToDictionary(c => c.UserId, c => c.Id) : [];
            answers = parameters.answeringUserIds.Length == 0 ? [] : (await results.ReadAsync<AnswerTimesRow>()).ToDictionary(a => a.UserId);
            keys = parameters.keys.Length == 0 ? [] : (await results.ReadAsync<IdempotencyKeyRow>()).ToDictionary(k => k.Key);
            arrived = sequence is null ? [] : await results.ReadAsync<ClaimedMessage>();
        }

        var higherLanesDue = asked.Any(a => a.Request.Lane == Lane.Low) ? await CountHigherLanesDueAsync(connection, now, busyAbove, cancellationToken) : 0;

        return [.. asked.Select(a => Of(a.Request, a.Key))];

        SchedulingContext Of(ScheduleRequest request, string? key)
        {
            var named = request.ConversationId;
            var answer = SeeksBestTime(request) ? answers.GetValueOrDefault(request.UserId) : null;
            return new SchedulingContext
            {
                Now = now,
                User = users.GetValueOrDefault(request.UserId),
                Budgets = budgets.GetValueOrDefault(request.UserId) ?? (IReadOnlyList<BudgetRow>)[],
                Waiting = waiting.GetValueOrDefault(request.UserId) ?? (IReadOnlyList<ClaimedMessage>)[],
                BestHours = ParseHours(answer?.BestHours),
                Inbound = answer?.Inbound ?? [],
                ConversationId = named is null ? active.GetValueOrDefault(request.UserId)
                    : known.Contains((named, request.UserId)) ? named : null,
                ConversationIsUnknown = named is not null && !known.Contains((named, request.UserId)),
                Key = key is null ? null : keys.GetValueOrDefault(key),
                HigherLanesDue = higherLanesDue,
                Sequence = arrived,
            };
        }
    }

    private static async Task<int> CountHigherLanesDueAsync(NpgsqlConnection connection, Instant now, int busyAbove, CancellationToken cancellationToken)
    {
        await using var results = await ResultSets.QueryAsync(connection, new CommandDefinition(
            Sql.Batch("PlanByIndex", "CountHigherLanesDue"), new { now, limit = busyAbove + 1 }, cancellationToken: cancellationToken));
        await results.SkipAsync();
        return (int)await results.ReadSingleAsync<long>();
    }

    private static Dictionary<string, List<T>> ByUser<T>(List<T> rows, Func<T, string> userOf)
    {
        var byUser = new Dictionary<string, List<T>>();
        foreach (var row in rows)
        {
            if (!byUser.TryGetValue(userOf(row), out var ofUser))
                byUser.Add(userOf(row), ofUser = []);
            ofUser.Add(row);
        }

        return byUser;
    }

    private static bool SeeksBestTime(ScheduleRequest request) => request is { Lane: >= Lane.Medium, CanDelay: true };

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
        public required string UserId { get; init; }

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

/// <summary>A row of FindIdempotencyKeys.</summary>
internal sealed record IdempotencyKeyRow
{
    public required string Key { get; init; }

    public required byte[] RequestHash { get; init; }

    /// <summary>Until then the first request may still be running, and its answer may change.</summary>
    public Instant RunningUntil { get; init; }

    public required string Answer { get; init; }

    public bool MessageIsGone { get; init; }

    public Instant? FinishedAt { get; init; }
}
