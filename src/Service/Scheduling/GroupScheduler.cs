using System.Collections.Concurrent;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.Scheduling;

/// <summary>
/// Queues single messages, together with whatever else comes in meanwhile: what arrives while a group is being stored makes the next one,
/// which takes its few round trips and one commit for all. A message that comes alone is stored alone, at once. Each caller is answered
/// after the commit of its own message.
/// </summary>
public sealed class GroupScheduler(Scheduler scheduler, BatchScheduler batchScheduler) : IDisposable
{
    /// <summary>How many groups may be stored at once.</summary>
    private const int MostWriters = 4;

    /// <summary>How many may be waiting; more are told to come again.</summary>
    private const int MostWaiting = 10_000;

    /// <summary>How many must be waiting for each writer before there is another: few large groups cost less than many small ones.</summary>
    private const int Crowd = 100;

    private readonly ConcurrentQueue<Member> _waiting = new();

    /// <summary>What goes by itself takes so many connections and no more, for however long somebody holds it up.</summary>
    private readonly SemaphoreSlim _single = new(4);

    private int _writers;
    private int _goingSingly;

    /// <summary>Queues the message, or the messages of one request.</summary>
    /// <param name="request">The checked request.</param>
    /// <param name="key">The <c>Idempotency-Key</c>; null: none.</param>
    /// <param name="dryRun">Whether to answer the same and store nothing.</param>
    /// <param name="cancellationToken">Ends the wait; once it is being stored, the message may be stored all the same.</param>
    /// <exception cref="Npgsql.NpgsqlException">The database is out of reach; nothing is stored, or the answer was lost on its way.</exception>
    public Task<ScheduleOutcome> ScheduleAsync(ScheduleRequest request, string? key, bool dryRun, CancellationToken cancellationToken) =>
        dryRun || BatchScheduler.GoesSingly(request)
            ? scheduler.ScheduleAsync(request, key, dryRun, cancellationToken)
            : JoinAsync(new BatchItem(request, key), cancellationToken);

    /// <summary>Nobody may be waiting any more.</summary>
    public void Dispose() => _single.Dispose();

    private Task<ScheduleOutcome> JoinAsync(BatchItem item, CancellationToken cancellationToken)
    {
        if (_waiting.Count + Volatile.Read(ref _goingSingly) >= MostWaiting)
            return Task.FromResult<ScheduleOutcome>(new ScheduleOutcome.Refused(Problem.DatabaseUnavailable(schedules: true)));

        var member = new Member(item, cancellationToken);
        _waiting.Enqueue(member);
        if (TryTakePen())
        {
            // It writes for everybody: nothing that it does belongs to the trace of the request that happened to start it.
            using (ExecutionContext.SuppressFlow())
                _ = Task.Run(WriteAsync, CancellationToken.None);
        }

        return member.Outcome.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Stores group after group until nobody is waiting.</summary>
    private async Task WriteAsync()
    {
        do
        {
            while (NextGroup() is { Count: > 0 } group)
                await StoreAsync(group);
            Interlocked.Decrement(ref _writers);
            // Who came after the last look, and found all pens taken, relies on this one.
        }
        while (!_waiting.IsEmpty && TryTakePen());
    }

    private async Task StoreAsync(List<Member> group)
    {
        try
        {
            // Not ended by one caller's leaving: the others are still there.
            var outcomes = await batchScheduler.StoreTogetherAsync(group.ConvertAll(member => member.Item), CancellationToken.None);
            for (var i = 0; i < group.Count; i++)
            {
                if (outcomes[i] is { } outcome)
                    group[i].Outcome.SetResult(outcome);
                else
                    // What must go by itself, after all, keeps nobody waiting.
                    _ = ScheduleSinglyAsync(group[i]);
            }
        }
        catch (Exception e)
        {
            foreach (var member in group)
                member.Outcome.TrySetException(e);
        }
    }

    private async Task ScheduleSinglyAsync(Member member)
    {
        Interlocked.Increment(ref _goingSingly);
        try
        {
            await _single.WaitAsync(member.CancellationToken);
            try
            {
                member.Outcome.SetResult(await scheduler.ScheduleAsync(member.Item.Request!, member.Item.Key, dryRun: false, member.CancellationToken));
            }
            finally
            {
                _single.Release();
            }
        }
        catch (Exception e)
        {
            member.Outcome.TrySetException(e);
        }
        finally
        {
            Interlocked.Decrement(ref _goingSingly);
        }
    }

    private List<Member> NextGroup()
    {
        var group = new List<Member>();
        while (group.Count < BatchRequestReader.Most && _waiting.TryDequeue(out var member))
        {
            // Nothing was begun for a caller who has left meanwhile, and who may well ask again.
            if (!member.CancellationToken.IsCancellationRequested)
                group.Add(member);
        }

        return group;
    }

    private bool TryTakePen()
    {
        int writers;
        do
        {
            writers = Volatile.Read(ref _writers);
            if (writers >= MostWriters || (writers > 0 && _waiting.Count < writers * Crowd))
                return false;
        }
        while (Interlocked.CompareExchange(ref _writers, writers + 1, writers) != writers);
        return true;
    }

    /// <summary>A message whose caller waits, until the token says otherwise.</summary>
    private sealed record Member(BatchItem Item, CancellationToken CancellationToken)
    {
        public TaskCompletionSource<ScheduleOutcome> Outcome { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
