using System.Threading.Channels;
using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>Messages that this instance has leased to be put before the model.</summary>
/// <param name="UserId">Whose they are.</param>
/// <param name="Ids">One message, or the messages of one sequence.</param>
/// <param name="Claim">The lease that they are held under.</param>
internal sealed record RenderJob(string UserId, Guid[] Ids, Guid Claim);

/// <summary>
/// From the dispatch to the model, inside one process. A dispatch takes a hand for each job before it leases the messages, so that a lease
/// begins when its job does: nothing waits here. What finds no hand free stands in line in the database.
/// </summary>
/// <param name="options">How many calls are made at once; null: there is no model.</param>
/// <param name="breaker">Whether the model is left alone: then no hand is free, and messages stand in line without being used up. Null: never.</param>
public sealed class RenderBacklog(ModelOptions? options, ModelBreaker? breaker = null)
{
    private static readonly Duration LeaseMargin = Duration.FromSeconds(30);

    /// <summary>
    /// After so long in line a message is decided again, by whichever instance, with or without a model; mostly a hand has come to it before.
    /// </summary>
    internal static readonly Duration LongestInLine = Duration.FromMinutes(5);

    private readonly Channel<RenderJob> _jobs = Channel.CreateUnbounded<RenderJob>();

    private int _taken;

    /// <summary>Whether there is a model at all.</summary>
    public bool HasModel => options is not null;

    /// <summary>How many hands are free.</summary>
    internal int Room => Math.Max(0, Hands - Volatile.Read(ref _taken));

    private int Hands => options is null ? 0 : breaker?.Hands(options.MaxConcurrency) ?? options.MaxConcurrency;

    /// <summary>How long a job of so many messages may take.</summary>
    internal Duration LeaseOf(int messages) => options is null ? Duration.Zero : (options.Timeout * messages) + LeaseMargin;

    /// <summary>Takes as many hands as are wanted and free. Each is freed by a job that is done, or is not to be.</summary>
    internal int Take(int wanted)
    {
        while (true)
        {
            var taken = Volatile.Read(ref _taken);
            var hands = Math.Clamp(Hands - taken, 0, wanted);
            if (hands == 0 || Interlocked.CompareExchange(ref _taken, taken + hands, taken) == taken)
                return hands;
        }
    }

    /// <summary>Frees hands.</summary>
    internal void Free(int hands = 1) => Interlocked.Add(ref _taken, -hands);

    /// <summary>Gives a hand that was taken its job, whose lease is committed.</summary>
    internal void Add(RenderJob job) => _jobs.Writer.TryWrite(job);

    /// <summary>The next job.</summary>
    internal ValueTask<RenderJob> NextAsync(CancellationToken cancellationToken) => _jobs.Reader.ReadAsync(cancellationToken);

    /// <summary>A job that nobody has begun; null: there is none.</summary>
    internal RenderJob? TryNext() => _jobs.Reader.TryRead(out var job) ? job : null;
}
