using Dapper;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// One batch in one transaction: claim, load, decide, apply. Nothing in it waits for the network beyond the database, and every
/// step is one round trip for the whole batch.
/// </summary>
internal sealed class DispatchTransaction(
    NpgsqlConnection connection, NpgsqlTransaction transaction, Recipients recipients, RenderBacklog rendering, Settings settings,
    CancellationToken cancellationToken) : IDisposable
{
    /// <summary>How many of one user's slots are looked at; with more than these waiting, some are given twice and moved again later.</summary>
    private const int MostHeld = 20_000;

    /// <summary>The messages that must still make sense, and that something was said since.</summary>
    private IReadOnlySet<Guid> _news = new HashSet<Guid>();

    /// <summary>What is to be put before the model once the transaction is committed; there is a hand for each.</summary>
    private IReadOnlyList<RenderJob> _renders = [];

    /// <summary>The users among the claimed messages whom another dispatcher is serving.</summary>
    public IReadOnlyCollection<string> BusyUsers { get; private set; } = [];

    /// <summary>Claims with the given statement, and with each message of a sequence the others. Sequences count as one message.</summary>
    public async Task<IReadOnlyList<ClaimedMessage>> ClaimAsync(string query, object parameters)
    {
        var claimed = (await QueryAsync<ClaimedMessage>(query, parameters)).AsList();
        var leading = claimed.FindAll(m => m.SequenceId is not null);
        return leading.Count == 0 ? claimed : await ClaimSequencesAsync(claimed, leading);
    }

    /// <summary>Bounds how long the transaction may hold its locks while nothing happens in it.</summary>
    /// <param name="lockTimeout">How long to wait for a lock that somebody else holds, as PostgreSQL writes it.</param>
    public Task BoundAsync(string lockTimeout) => connection.ExecuteAsync(new CommandDefinition(
        Sql.Batch("BoundTransaction", "PlanByIndex"), new { lockTimeout }, transaction, cancellationToken: cancellationToken));

    /// <summary>Waits for the user's turn. Where there is no such user, there is nothing to wait for.</summary>
    public Task LockUserAsync(string userId) => ExecuteAsync("LockUser", new { userId });

    /// <summary>Decides the claimed messages, each user's in their order. Messages of busy users are left as they are.</summary>
    public async Task<IReadOnlyList<Decided>> DecideAsync(IReadOnlyList<ClaimedMessage> claimed, Instant now)
    {
        var userIds = claimed.Select(m => m.UserId).Distinct().ToArray();
        var (users, budgets, conversations, leased) = await LoadAsync(claimed, userIds, now);
        var load = await LoadForLowLaneAsync(claimed, now);
        _news = await CheckForNewsAsync(claimed, now);
        var decided = new List<Decided>(claimed.Count);
        var busy = new HashSet<string>();

        var crowded = new List<Person>();
        foreach (var ofUser in claimed.GroupBy(m => m.UserId))
        {
            if (!users.TryGetValue(ofUser.Key, out var user))
            {
                decided.AddRange(ofUser.Select(m => new Decided(m, new Decision.Fail(Failure.UserNotFound), default)));
                continue;
            }

            if (ofUser.Any(m => !m.UserIsLocked))
            {
                busy.Add(ofUser.Key);
                continue;
            }

            var person = new Person(
                ofUser.Key, recipients.Create(user, [.. budgets[ofUser.Key]], load.UsersWithHigherLanes.Contains(ofUser.Key)), [.. ofUser]);
            var decisions = Decide(person, leased[person.UserId]).ToList();
            if (decisions.Exists(d => d.Decision is Decision.Defer))
                crowded.Add(person);
            else
                decided.AddRange(decisions);
        }

        // Only who gets a slot later needs to know which ones are taken.
        var taken = await LoadHeldAsync(crowded, now);
        foreach (var person in crowded)
            decided.AddRange(Decide(person, taken[person.UserId]));

        BusyUsers = busy;
        return decided;

        IEnumerable<Decided> Decide(Person person, IEnumerable<ClaimedMessage> held)
        {
            var policy = new DeliveryPolicy(person.Recipient, settings.Rules, load.HigherLanesDue);
            var date = LocalDay.Of(now, person.Recipient.Zone);
            var due = person.Messages.ToDictionary(m => m.Id);
            var sequences = person.Messages.Select(m => m.SequenceId).ToHashSet();
            var all = person.Messages.Select(m => m.AsOne(AsQueued, settings.Rules))
                .Concat(ClaimedSequence.TogetherIn(
                    // What waits for a model takes no slot before the model is at it: nobody knows when that is.
                    [.. held.Where(m => !m.StandsInLine && !due.ContainsKey(m.Id) && (m.SequenceId is null || !sequences.Contains(m.SequenceId)))], rendering.HasModel));
            foreach (var message in DeliveryPolicy.Order(all, now, settings.Rules))
            {
                if (due.TryGetValue(message.Id, out var claimedMessage))
                    yield return new Decided(claimedMessage, policy.Decide(message, now), date);
                else
                    policy.Reserve(message, now);
            }
        }

        QueuedMessage AsQueued(ClaimedMessage message) => message.ToQueuedMessage(
            needsModel: message.HasContent ? rendering.HasModel && _news.Contains(message.Id) : CanBeWritten(message),
            hasLostItsConversation: message.ConversationId is not null && !conversations.Contains((message.ConversationId, message.UserId)));

        // An instance without a model leaves it to those that have one, as while a key is being rolled out; but not for ever.
        bool CanBeWritten(ClaimedMessage message) => message.HasBrief
            && (rendering.HasModel || now < message.ToQueuedMessage(needsModel: true).EligibleAt + settings.Rules.LongestDelay);
    }

    /// <summary>Ends the message, or its sequence, as one that can never be delivered; false where it has left the queue meanwhile.</summary>
    public async Task<bool> FailAsync(ClaimedMessage message, string detail, Instant now) =>
        await FinishAsync(
            [.. message.All.Select(m => (m.Id, "failed", Failure.Rejected.Code(), $"{Failure.Rejected.Sentence()} ({detail})"))], now) > 0;

    /// <summary>Writes all decisions, set by set.</summary>
    /// <param name="decided">The decisions; may be empty.</param>
    /// <param name="clock">The time they were made for.</param>
    /// <returns>False where the decisions had become too old to deliver by; the transaction must then be given up.</returns>
    public async Task<bool> ApplyAsync(IReadOnlyList<Decided> decided, DatabaseClock.Reading clock)
    {
        var now = clock.Now;
        var delivered = decided.Where(d => d.Decision is Decision.Deliver).ToList();
        if (delivered.Count > 0 && !await DeliverAsync(delivered, clock))
            return false;

        await LeaseRendersAsync([.. decided.Where(d => d.Decision is Decision.Render)], now);
        await LogUnjudgedAsync(delivered, now);

        var deferred = decided.SelectMany(d => d.Decision is Decision.Defer defer ? d.Message.All.Select(m => (m.Id, Defer: defer)) : []).ToList();
        if (deferred.Count > 0)
        {
            await ExecuteAsync("DeferMessages", new
            {
                ids = deferred.ConvertAll(d => d.Id).ToArray(),
                untils = deferred.ConvertAll(d => d.Defer.Until).ToArray(),
                codes = deferred.ConvertAll(d => d.Defer.By.Code()).ToArray(),
                sentences = deferred.ConvertAll(d => d.Defer.Sentence).ToArray(),
                logIds = deferred.ConvertAll(_ => Guid.CreateVersion7()).ToArray(),
                now,
            });
        }

        var finished = decided.SelectMany(d => d.Decision switch
        {
            Decision.Expire => d.Message.All.Select(m => (m.Id, "expired", Reasons.Expired, Reasons.ExpiredSentence)),
            Decision.Fail fail => d.Message.All.Select(m => (m.Id, "failed", fail.Because.Code(), fail.Because.Sentence())),
            Decision.Cancel => d.Message.All.Select(m => (m.Id, "cancelled", Reasons.SequenceBroken, Reasons.SequenceBrokenSentence)),
            _ => [],
        }).ToList();
        if (finished.Count > 0)
            await FinishAsync(finished, now);

        return true;
    }

    /// <summary>Hands what was put aside for the model to those who ask it. To be called once the transaction is committed.</summary>
    public void BeginRenders()
    {
        foreach (var job in _renders)
            rendering.Add(job);
        _renders = [];
    }

    /// <summary>Frees the hands that were kept for what was not committed.</summary>
    public void Dispose() => rendering.Free(_renders.Count);

    /// <summary>Puts messages aside for the model: as many as it has hands free for, the others in the line.</summary>
    private async Task LeaseRendersAsync(List<Decided> renders, Instant now)
    {
        if (renders.Count == 0)
            return;

        var inOrder = renders.OrderBy(d => Lanes.Parse(d.Message.Priority)).ThenBy(d => d.Message.CreatedAt).ToList();
        _renders =
        [
            .. inOrder.Take(rendering.Take(inOrder.Count))
                .Select(d => new RenderJob(d.Message.UserId, [.. d.Message.All.Select(m => m.Id)], Guid.CreateVersion7())),
        ];
        // The others stand in line, where hands come to whoever was queued first. So a message is written once to stand there, and again only
        // where no hand has come for long. Where it expires first, it is looked at then.
        var leases = _renders.SelectMany(job => job.Ids.Select(id => (Id: id, Until: now + rendering.LeaseOf(job.Ids.Length), Claim: (Guid?)job.Claim)))
            .Concat(inOrder.Skip(_renders.Count).SelectMany(d => d.Message.All.Select(m => (m.Id, Until: LookedAtAgain(d.Message), Claim: (Guid?)null))))
            .ToList();
        await ExecuteAsync("LeaseRenders", new
        {
            ids = leases.ConvertAll(l => l.Id).ToArray(),
            untils = leases.ConvertAll(l => l.Until).ToArray(),
            claims = leases.ConvertAll(l => l.Claim).ToArray(),
        });

        Instant LookedAtAgain(ClaimedMessage message) => message.All.Min(m => m.ExpiresAt) is { } expiry
            ? Instant.Min(now + RenderBacklog.LongestInLine, expiry) : now + RenderBacklog.LongestInLine;
    }

    /// <summary>Without a model a message goes out though nobody knows whether it still makes sense, and its trail says so.</summary>
    private async Task LogUnjudgedAsync(List<Decided> delivered, Instant now)
    {
        if (rendering.HasModel || _news.Count == 0)
            return;

        var ids = delivered.SelectMany(d => d.Message.All).Select(m => m.Id).Where(_news.Contains).ToArray();
        if (ids.Length > 0)
            await ExecuteAsync("LogUnjudged", new { ids, now });
    }

    private async Task<IReadOnlySet<Guid>> CheckForNewsAsync(IReadOnlyList<ClaimedMessage> claimed, Instant now)
    {
        var ids = claimed.SelectMany(m => m.All).Where(m => m.RequiresFreshContext).Select(m => m.Id).ToArray();
        return ids.Length == 0 ? _news : (await QueryAsync<Guid>("CheckForNews", new { ids, now, mostVerdicts = RenderRetries.MostVerdicts })).ToHashSet();
    }

    private Task<int> FinishAsync(List<(Guid Id, string Status, string Code, string Sentence)> finished, Instant now) =>
        ExecuteAsync("FinishMessages", new
        {
            ids = finished.ConvertAll(f => f.Id).ToArray(),
            statuses = finished.ConvertAll(f => f.Status).ToArray(),
            codes = finished.ConvertAll(f => f.Code).ToArray(),
            sentences = finished.ConvertAll(f => f.Sentence).ToArray(),
            now,
        });

    /// <summary>How many messages were decided, by what has become of them.</summary>
    public static DispatchResult Count(IReadOnlyList<Decided> decided)
    {
        return new(Of<Decision.Deliver>(), Of<Decision.Defer>() + Of<Decision.Render>(), Of<Decision.Expire>(), Of<Decision.Fail>(), Of<Decision.Cancel>());

        int Of<T>() => decided.Sum(d => d.Decision is T ? d.Message.All.Count : 0);
    }

    /// <summary>
    /// Takes the whole sequences of claimed messages. Where somebody else holds a part of one, nothing can be decided about it now, and
    /// its user counts as busy.
    /// </summary>
    private async Task<IReadOnlyList<ClaimedMessage>> ClaimSequencesAsync(List<ClaimedMessage> claimed, List<ClaimedMessage> leading)
    {
        var parameters = new
        {
            userIds = leading.ConvertAll(m => m.UserId).ToArray(),
            sequenceIds = leading.ConvertAll(m => m.SequenceId!.Value).ToArray(),
        };
        await using var results = await ResultSets.QueryAsync(connection, new CommandDefinition(
            Sql.Batch("LockSequences", "LoadSequences"), parameters, transaction, cancellationToken: cancellationToken));
        var locked = (await results.ReadAsync<Guid>()).ToHashSet();
        var rows = (await results.ReadAsync<ClaimedMessage>()).ToLookup(m => (m.UserId, m.SequenceId));
        return claimed.ConvertAll(m => m.SequenceId is null ? m : With(m, ClaimedSequence.Of([.. rows[(m.UserId, m.SequenceId)]])));

        ClaimedMessage With(ClaimedMessage leader, ClaimedSequence sequence) =>
            leader with { Sequence = sequence, UserIsLocked = leader.UserIsLocked && sequence.Waiting.All(m => locked.Contains(m.Id)) };
    }

    private async Task<bool> DeliverAsync(List<Decided> delivered, DatabaseClock.Reading clock)
    {
        var now = clock.Now;
        var messages = delivered.SelectMany(d => d.Message.All.Select((m, place) => (Message: m, d.Date, Place: place))).ToList();
        var withoutConversation = messages.FindAll(d => d.Message.ConversationId is null);
        var conversationOf = withoutConversation.Count == 0
            ? []
            : await ActiveConversationsAsync([.. withoutConversation.Select(d => d.Message.UserId).Distinct()], now);

        var rows = await ExecuteAsync("DeliverMessages", new
        {
            ids = messages.ConvertAll(d => d.Message.Id).ToArray(),
            conversationIds = messages.ConvertAll(d => d.Message.ConversationId ?? conversationOf[d.Message.UserId]).ToArray(),
            dates = messages.ConvertAll(d => d.Date).ToArray(),
            places = messages.ConvertAll(d => d.Place).ToArray(),
            now,
            readAt = clock.ReadAt,
        });
        return rows == messages.Count;
    }

    /// <summary>Each user's newest active conversation, created where there is none.</summary>
    private async Task<Dictionary<string, string>> ActiveConversationsAsync(string[] userIds, Instant now)
    {
        var found = (await QueryAsync<ConversationRow>("LoadActiveConversations", new { userIds }))
            .ToDictionary(c => c.UserId, c => c.Id);
        var created = userIds.Where(id => !found.ContainsKey(id)).ToDictionary(id => id, _ => Guid.CreateVersion7().ToString());
        if (created.Count > 0)
        {
            await ExecuteAsync("CreateConversations", new { ids = created.Values.ToArray(), userIds = created.Keys.ToArray(), now });
            foreach (var (userId, id) in created)
                found.Add(userId, id);
        }

        return found;
    }

    private async Task<(
        Dictionary<string, UserRow> Users, ILookup<string, BudgetRow> Budgets, HashSet<(string Id, string UserId)> Conversations,
        ILookup<string, ClaimedMessage> Leased)>
        LoadAsync(IReadOnlyList<ClaimedMessage> claimed, string[] userIds, Instant now)
    {
        var named = claimed.SelectMany(m => m.All).Where(m => m.ConversationId is not null).Select(m => m.ConversationId!).Distinct().ToArray();
        var parameters = new { userIds, conversationIds = named, now };
        await using var results = await ResultSets.QueryAsync(connection, new CommandDefinition(
            Sql.Batch("LoadUsers", "LoadBudgets", "CheckConversations", "LoadLeasedMessages"), parameters, transaction, cancellationToken: cancellationToken));
        return (
            (await results.ReadAsync<UserRow>()).ToDictionary(u => u.UserId),
            (await results.ReadAsync<BudgetRow>()).ToLookup(b => b.UserId),
            (await results.ReadAsync<ConversationRow>()).Select(c => (c.Id, c.UserId)).ToHashSet(),
            (await results.ReadAsync<ClaimedMessage>()).ToLookup(m => m.UserId));
    }

    private async Task<LowLaneLoad> LoadForLowLaneAsync(IReadOnlyList<ClaimedMessage> claimed, Instant now)
    {
        var userIds = claimed.Where(m => m.Priority == Lane.Low.Name()).Select(m => m.UserId).Distinct().ToArray();
        if (userIds.Length == 0)
            return LowLaneLoad.None;

        await using var results = await ResultSets.QueryAsync(connection, new CommandDefinition(
            Sql.Batch("CountHigherLanesDue", "LoadUsersWithHigherLanesWaiting"),
            new { userIds, now, limit = settings.Rules.BusyAbove + 1 }, transaction, cancellationToken: cancellationToken));
        return new LowLaneLoad(
            (int)await results.ReadSingleAsync<long>(),
            (await results.ReadAsync<string>()).ToHashSet());
    }

    private async Task<ILookup<string, ClaimedMessage>> LoadHeldAsync(List<Person> crowded, Instant now)
    {
        IEnumerable<ClaimedMessage> held = crowded.Count == 0 ? [] : await QueryAsync<ClaimedMessage>(
            "LoadHeldMessages", new { userIds = crowded.ConvertAll(p => p.UserId).ToArray(), now, limit = MostHeld });
        return held.ToLookup(m => m.UserId);
    }

    private Task<IEnumerable<T>> QueryAsync<T>(string query, object parameters) =>
        connection.QueryAsync<T>(new CommandDefinition(Sql.Query(query), parameters, transaction, cancellationToken: cancellationToken));

    private Task<int> ExecuteAsync(string query, object parameters) =>
        connection.ExecuteAsync(new CommandDefinition(Sql.Query(query), parameters, transaction, cancellationToken: cancellationToken));

    /// <summary>A user, and the messages of the batch that are for them.</summary>
    private sealed record Person(string UserId, Recipient Recipient, IReadOnlyList<ClaimedMessage> Messages);

    /// <summary>How busy the queue is, as far as low messages care.</summary>
    private sealed record LowLaneLoad(int HigherLanesDue, IReadOnlySet<string> UsersWithHigherLanes)
    {
        public static LowLaneLoad None { get; } = new(0, new HashSet<string>());
    }
}
