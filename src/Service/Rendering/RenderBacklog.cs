using System.Threading.Channels;
using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>Messages that this instance has leased to be put before the model.</summary>
/// <param name="UserId">Whose they are.</param>
/// <param name="Ids">One message, or the messages of one sequence.</param>
/// <param name="Claim">The lease that they are held under.</param>
internal sealed record RenderJob(string UserId, Guid[] Ids, Guid Claim);

/// <summary>
/// From the dispatch to the model, inside one process. It takes no more than can be done within the leases: what finds no room is
/// decided again a little later, by whichever instance has room then.
/// </summary>
/// <param name="options">How many calls are made at once; null: there is no model.</param>
public sealed class RenderBacklog(ModelOptions? options)
{
    private readonly Channel<RenderJob> _jobs = Channel.CreateUnbounded<RenderJob>();

    private int _taken;

    /// <summary>Whether there is a model at all.</summary>
    public bool HasModel => options is not null;

    /// <summary>How many more jobs there is room for: as many as are worked on may wait.</summary>
    internal int Room => options is null ? 0 : Math.Max(0, (2 * options.MaxConcurrency) - Volatile.Read(ref _taken));

    /// <summary>How long a job may take: its own calls, and those of one that it waits behind.</summary>
    internal Duration LeaseOf(RenderJob job) => options is null ? Duration.Zero : (options.Timeout * (2 * (job.Ids.Length + 1))) + Duration.FromSeconds(30);

    /// <summary>Takes a job whose lease is committed.</summary>
    internal void Add(RenderJob job)
    {
        Interlocked.Increment(ref _taken);
        _jobs.Writer.TryWrite(job);
    }

    /// <summary>The next job; <see cref="Done"/> is due after it.</summary>
    internal ValueTask<RenderJob> NextAsync(CancellationToken cancellationToken) => _jobs.Reader.ReadAsync(cancellationToken);

    /// <summary>A job that nobody has begun; null: there is none.</summary>
    internal RenderJob? TryNext() => _jobs.Reader.TryRead(out var job) ? job : null;

    /// <summary>Makes room.</summary>
    internal void Done() => Interlocked.Decrement(ref _taken);
}
