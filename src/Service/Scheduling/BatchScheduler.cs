using System.Runtime.ExceptionServices;
using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Scheduling;

/// <summary>
/// Queues many messages at once. Those that bear on no others are looked up in one round trip, planned as one after another, and
/// stored in one more; what is urgent, has a topic or a sequence, or repeats a key of the same request then goes the way of a
/// single message.
/// </summary>
public sealed class BatchScheduler(
    NpgsqlDataSource database, DatabaseClock clock, IdFormat ids, Recipients recipients, Scheduler scheduler, QueueAlarm alarm, Settings settings,
    ILogger<BatchScheduler> logger)
{
    /// <summary>How many users' single messages are scheduled at once, so that one request does not take all connections.</summary>
    private const int MostAtOnce = 4;

    /// <summary>Whether the message bears on others, or is to be dispatched at once, and is therefore stored by itself.</summary>
    internal static bool GoesSingly(ScheduleRequest request) => request.Lane == Lane.Urgent || Admission.TakesTurn(request);

    /// <summary>Queues the messages: each as if it came alone, after those before it.</summary>
    /// <param name="items">The messages.</param>
    /// <param name="dryRun">Whether to answer the same and store nothing.</param>
    /// <param name="cancellationToken">Ends the wait; what is committed stays.</param>
    /// <returns>What became of each, in their order.</returns>
    /// <exception cref="NpgsqlException">
    /// The database is out of reach, and nothing is known to be stored. Where something is, its answers are given, and the rest is
    /// refused with 503.
    /// </exception>
    public async Task<IReadOnlyList<ScheduleOutcome>> ScheduleAsync(
        IReadOnlyList<BatchItem> items, bool dryRun, CancellationToken cancellationToken)
    {
        var outcomes = new ScheduleOutcome?[items.Count];
        var run = new Run(outcomes, dryRun, cancellationToken);
        await StoreTogetherAsync(items, run);

        // One user's messages keep their order; the second of a key must find the first.
        await Parallel.ForEachAsync(
            run.Single.OrderBy(entry => entry.Index).GroupBy(entry => entry.Request.UserId),
            new ParallelOptions { MaxDegreeOfParallelism = MostAtOnce, CancellationToken = cancellationToken },
            async (ofUser, _) => await ScheduleSinglyAsync(ofUser, run));
        await ScheduleSinglyAsync(run.Repeated, run);

        if (run.Fault is not null && !outcomes.Any(outcome => outcome is ScheduleOutcome.Answered))
            ExceptionDispatchInfo.Throw(run.Fault);
        return outcomes!;
    }

    /// <summary>Stores what can be stored together.</summary>
    /// <returns>What became of each; null: it must go the way of a single message.</returns>
    /// <exception cref="NpgsqlException">The database is out of reach, and nothing is known to be stored.</exception>
    internal async Task<IReadOnlyList<ScheduleOutcome?>> StoreTogetherAsync(IReadOnlyList<BatchItem> items, CancellationToken cancellationToken)
    {
        var run = new Run(new ScheduleOutcome?[items.Count], DryRun: false, cancellationToken);
        await StoreTogetherAsync(items, run);
        return run.Outcomes;
    }

    private async Task StoreTogetherAsync(IReadOnlyList<BatchItem> items, Run run)
    {
        await using var connection = await database.OpenConnectionAsync(run.CancellationToken);
        Sort(items, await ids.ReadAsync(connection, run.CancellationToken), run);
        if (run.Ordinary.Count > 0)
            await GuardAsync(run, run.Ordinary, () => StoreAsync(connection, run.Ordinary, run, lockTimeout: "500ms"));
    }

    /// <summary>Refuses what can be refused without a look into the database, and tells the way that each other message goes.</summary>
    private void Sort(IReadOnlyList<BatchItem> items, IdFormat.Format format, Run run)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < items.Count; i++)
        {
            var (request, key, fault) = items[i];
            if (fault is not null)
                run.Outcomes[i] = new ScheduleOutcome.Refused(fault);
            else if (Admission.UnsendableRefusal(request!, settings) is { } unsendable)
                run.Outcomes[i] = unsendable;
            else if (Admission.Normalize(request!, format) is not { } known)
                run.Outcomes[i] = Admission.UserIsUnknown(request!);
            else
                WayOf(known, key).Add(new Entry(i, known, run.DryRun ? null : key));
        }

        List<Entry> WayOf(ScheduleRequest request, string? key) =>
            key is not null && !run.DryRun && !keys.Add(key) ? run.Repeated
            : GoesSingly(request) ? run.Single
            : run.Ordinary;
    }

    /// <summary>
    /// Looks, plans and stores. Where the database refuses, half of them is tried at a time: that finds a message that cannot be stored
    /// in a few tries, and all others are.
    /// </summary>
    private async Task StoreAsync(NpgsqlConnection connection, IReadOnlyList<Entry> entries, Run run, string lockTimeout)
    {
        try
        {
            var planned = Plan(entries, await SchedulingContext.LoadAsync(
                connection, clock, [.. entries.Select(e => (e.Request, e.Key))], settings.Rules.BusyAbove, run.CancellationToken), run);
            if (planned.Count > 0)
                await InsertAsync(connection, planned, run, lockTimeout);
            return;
        }
        catch (Exception e) when (DatabaseErrors.MayBeAboutTheData(e))
        {
            Log.BatchNotStored(logger, entries.Count, DatabaseErrors.Describe(e));
            // A lock that was held so long is held still: every part would wait for it again. It is one user's, mostly.
            if (DatabaseErrors.IsLockHeld(e))
                (lockTimeout, entries) = ("20ms", [.. entries.OrderBy(entry => entry.Request.UserId, StringComparer.Ordinal).ThenBy(entry => entry.Index)]);
            if (entries.Count == 1 || (DatabaseErrors.IsLockHeld(e) && entries[0].Request.UserId == entries[^1].Request.UserId))
            {
                run.Single.AddRange(entries);
                return;
            }
        }

        var half = entries.Count / 2;
        await StoreAsync(connection, [.. entries.Take(half)], run, lockTimeout);
        await StoreAsync(connection, [.. entries.Skip(half)], run, lockTimeout);
    }

    /// <summary>Finds the slots of all messages, each behind those before it; what has no need of one is answered.</summary>
    private List<Planned> Plan(IReadOnlyList<Entry> entries, IReadOnlyList<SchedulingContext> contexts, Run run)
    {
        var newIds = MessagePlan.NewIds(entries.Count);
        var slots = new Dictionary<string, FreeSlots>(StringComparer.Ordinal);
        var planned = new List<Planned>(entries.Count);
        for (var i = 0; i < entries.Count; i++)
        {
            var (entry, context) = (entries[i], contexts[i]);
            if (context.Key is { } earlier)
            {
                if (earlier.MessageIsGone || Admission.IsOver(earlier, context.Now))
                    run.Single.Add(entry);
                else
                    run.Outcomes[entry.Index] = Admission.Replay(earlier, Admission.HashOf(entry.Request, entry.Key)!, context.Now);
                continue;
            }

            if (Admission.Refusal(entry.Request, context) is { } refusal)
            {
                run.Outcomes[entry.Index] = refusal;
                continue;
            }

            if (!slots.TryGetValue(entry.Request.UserId, out var free))
                slots.Add(entry.Request.UserId, free = new FreeSlots(context, context.Waiting, recipients, settings));
            var plan = MessagePlan.Make(entry.Request, context, [newIds[i]], free, settings);
            if (run.DryRun)
                run.Outcomes[entry.Index] = new ScheduleOutcome.Answered(plan.AnswerOfDryRun.ToJson(), Replayed: false);
            else
                planned.Add(new Planned(entry, context, plan, plan.AnswerOnceStored.ToJson()));
        }

        return planned;
    }

    /// <summary>
    /// Stores the messages and takes their keys. Those whose key somebody was quicker to take are left to be scheduled singly; a lock that
    /// somebody holds, as another program may on a user whom a foreign key wants to see, keeps nobody else back for long.
    /// </summary>
    private async Task InsertAsync(NpgsqlConnection connection, List<Planned> planned, Run run, string lockTimeout)
    {
        var keyed = planned.FindAll(p => p.Entry.Key is not null);
        var held = planned.FindAll(p => p.Plan.Held is not null);
        await using var results = await ResultSets.QueryAsync(connection, new CommandDefinition(
            MessageTraces.StatementsFor(["BoundTransaction", "InsertBatch"], held.Count > 0, planned.Select(p => p.Entry.Request)),
            new
            {
                lockTimeout,
                now = planned[0].Context.Now,
                ids = Column(planned, p => p.Plan.Ids[0]),
                userIds = Column(planned, p => p.Entry.Request.UserId),
                agentIds = Column(planned, p => p.Entry.Request.AgentId),
                messages = Column(planned, p => p.Entry.Request.MessageData),
                scheduledFors = Column(planned, p => p.Plan.Answer.ScheduledFor),
                priorities = Column(planned, p => p.Plan.Message.Lane.Name()),
                conversationIds = Column(planned, p => p.Context.ConversationId),
                freshContexts = Column(planned, p => p.Entry.Request.RequiresFreshContext),
                canDelays = Column(planned, p => p.Entry.Request.CanDelay),
                notBefores = Column(planned, p => p.Entry.Request.ScheduledFor),
                expiresAts = Column(planned, p => p.Entry.Request.ExpiresAt),
                bestAts = Column(planned, p => p.Plan.Message.BestAt),
                codes = Column(planned, p => p.Plan.Held?.By.Code()),
                haveKeys = Column(planned, p => p.Entry.Key is not null),
                keys = Column(keyed, p => p.Entry.Key),
                requestHashes = Column(keyed, p => Admission.HashOf(p.Entry.Request, p.Entry.Key)),
                keyedIds = Column(keyed, p => p.Plan.Ids[0]),
                answers = Column(keyed, p => p.Json),
                heldIds = Column(held, p => p.Plan.Ids[0]),
                logIds = MessagePlan.NewIds(held.Count),
                sentences = Column(held, p => p.Plan.Held!.Sentence),
                scheduledBys = Column(planned, p => p.Entry.Request.ScheduledBy),
                traceparents = Column(planned, p => p.Entry.Request.Traceparent),
            },
            cancellationToken: run.CancellationToken));
        await results.SkipAsync();
        // Reading to the end sees the commit, too.
        var stored = (await results.ReadAsync<Guid>()).ToHashSet();

        foreach (var (entry, context, plan, json) in planned)
        {
            if (!stored.Contains(plan.Ids[0]))
            {
                run.Single.Add(entry);
                continue;
            }

            run.Outcomes[entry.Index] = new ScheduleOutcome.Answered(json, Replayed: false);
            alarm.Set(plan.Answer.ScheduledFor - context.Now);
            ScheduleTelemetry.Count(1, plan.Message.Lane);
            Log.MessageQueued(logger, plan.Ids[0], plan.Answer.ScheduledFor);
        }

        static T[] Column<T>(List<Planned> rows, Func<Planned, T> value) => [.. rows.Select(value)];
    }

    private async Task ScheduleSinglyAsync(IEnumerable<Entry> entries, Run run)
    {
        foreach (var entry in entries)
        {
            if (run.IsOutOfReach)
                run.Outcomes[entry.Index] = new ScheduleOutcome.Refused(Problem.DatabaseUnavailable(schedules: true));
            else
                await GuardAsync(run, [entry], async () => run.Outcomes[entry.Index] =
                    await scheduler.ScheduleAsync(entry.Request, entry.Key, run.DryRun, run.CancellationToken));
        }
    }

    /// <summary>
    /// Turns what befalls some messages into their outcomes: the others may be stored already, and their callers must learn it.
    /// </summary>
    private async Task GuardAsync(Run run, IReadOnlyCollection<Entry> entries, Func<Task> schedule)
    {
        Problem problem;
        try
        {
            await schedule();
            return;
        }
        catch (Exception e) when (DatabaseErrors.IsOutOfReach(e))
        {
            Log.DatabaseOutOfReach(logger, e.Message);
            run.Fault ??= e;
            // A lock that somebody holds on one user is no reason to give up the others.
            run.IsOutOfReach |= !DatabaseErrors.MayPass(e);
            problem = Problem.DatabaseUnavailable(schedules: true);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.ItemFailed(logger, e);
            problem = Problem.Internal();
        }

        foreach (var entry in entries)
            run.Outcomes[entry.Index] ??= new ScheduleOutcome.Refused(problem);
    }

    /// <summary>A message on its way.</summary>
    /// <param name="Index">Its place in the request.</param>
    /// <param name="Request">The request, with ids as the database spells them.</param>
    /// <param name="Key">Its idempotency key; null: none, or a dry run.</param>
    private sealed record Entry(int Index, ScheduleRequest Request, string? Key);

    /// <summary>A message that is about to be stored.</summary>
    /// <param name="Entry">The message.</param>
    /// <param name="Context">What is known of its user.</param>
    /// <param name="Plan">What is stored.</param>
    /// <param name="Json">What its caller is told.</param>
    private sealed record Planned(Entry Entry, SchedulingContext Context, MessagePlan Plan, string Json);

    /// <summary>One batch.</summary>
    /// <param name="Outcomes">What became of each message; null: nothing yet.</param>
    /// <param name="DryRun">Whether nothing is to be stored.</param>
    /// <param name="CancellationToken">Ends the wait.</param>
    private sealed record Run(ScheduleOutcome?[] Outcomes, bool DryRun, CancellationToken CancellationToken)
    {
        /// <summary>What can be stored together.</summary>
        public List<Entry> Ordinary { get; } = [];

        /// <summary>What goes the way of a single message.</summary>
        public List<Entry> Single { get; } = [];

        /// <summary>What repeats the key of an earlier message of the batch.</summary>
        public List<Entry> Repeated { get; } = [];

        /// <summary>The first error that kept messages from being scheduled; null: none has.</summary>
        public Exception? Fault { get; set; }

        /// <summary>Whether it is of no use to try any more of them.</summary>
        public bool IsOutOfReach { get; set; }
    }
}
