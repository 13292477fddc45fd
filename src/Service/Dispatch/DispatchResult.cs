using NodaTime;

namespace Orchestrator.Service.Dispatch;

/// <summary>How many messages a dispatch has decided, by what has become of them.</summary>
/// <param name="Delivered">Handed over.</param>
/// <param name="Deferred">Held back until a later time.</param>
/// <param name="Expired">Past their <c>expiresAt</c>.</param>
/// <param name="Failed">Impossible to deliver.</param>
/// <param name="Cancelled">Called off with the sequence they belong to.</param>
public readonly record struct DispatchResult(int Delivered, int Deferred, int Expired, int Failed, int Cancelled = 0)
{
    /// <summary>All that were decided.</summary>
    public int Decided => Delivered + Deferred + Expired + Failed + Cancelled;

    /// <summary>Both results together.</summary>
    public static DispatchResult operator +(DispatchResult left, DispatchResult right) => new(
        left.Delivered + right.Delivered, left.Deferred + right.Deferred, left.Expired + right.Expired, left.Failed + right.Failed,
        left.Cancelled + right.Cancelled);
}

/// <summary>One pass over the queue.</summary>
/// <param name="Result">What became of everything that was due.</param>
/// <param name="At">When the last of it was decided, by the database's clock.</param>
public readonly record struct DispatchPass(DispatchResult Result, Instant At)
{
    /// <summary>Both passes together.</summary>
    public static DispatchPass operator +(DispatchPass left, DispatchPass right) =>
        new(left.Result + right.Result, Instant.Max(left.At, right.At));
}
