using NodaTime;

namespace Orchestrator.Core;

/// <summary>All messages of one sequence that have arrived, whatever has become of them. It is delivered whole and in order, or not at all.</summary>
/// <param name="Members">In any order; at least one.</param>
public sealed record Sequence(IReadOnlyList<SequenceMember> Members)
{
    /// <summary>How many messages a sequence may have.</summary>
    public const int Longest = 20;

    /// <summary>How many messages it is to have. Rows that do not say so count as all there are.</summary>
    public int Total => Members.Max(m => m.Total) ?? Members.Count;

    /// <summary>Whether a message of it has ended without being delivered. What still waits is then called off.</summary>
    public bool IsBroken => Members.Any(m => m.State == SequenceMemberState.Ended);

    /// <summary>
    /// Whether all its messages are there. Two with one position, which only another program can write, are one that is there twice.
    /// </summary>
    public bool IsComplete =>
        Members.Where(m => m.Position is not null).DistinctBy(m => m.Position).Count() + Members.Count(m => m.Position is null) >= Total;

    /// <summary>When its first message arrived.</summary>
    public Instant BegunAt => Members.Min(m => m.CreatedAt);

    /// <summary>Why one more message cannot be taken; null: it can.</summary>
    public SequenceConflict? ConflictWith(int position, int total) =>
        Members.Any(m => m.State != SequenceMemberState.Waiting) ? SequenceConflict.Ended
        : total != Total ? SequenceConflict.TotalDiffers
        : Members.Any(m => m.Position == position) ? SequenceConflict.PositionTaken
        : null;

    /// <summary>The sequence as the rules decide it: one message that waits for those which are missing.</summary>
    /// <param name="waiting">Its messages that still wait, in order; at least one.</param>
    /// <param name="rules">How long it may wait for the others.</param>
    public QueuedMessage AsOne(IReadOnlyList<QueuedMessage> waiting, DeliveryRules rules) => Together(waiting) with
    {
        IsBroken = IsBroken,
        CompleteBy = IsComplete ? null : BegunAt + rules.CompleteWithin,
    };

    /// <summary>
    /// Messages that go together as one: in the best lane, from the latest of their times on, until the first of them expires; it may be
    /// delayed where each of them may. It has the id of the first.
    /// </summary>
    public static QueuedMessage Together(IReadOnlyList<QueuedMessage> messages) => messages.Count == 1 ? messages[0] : messages[0] with
    {
        Lane = messages.Min(m => m.Lane),
        CreatedAt = messages.Max(m => m.CreatedAt),
        ScheduledFor = messages.Max(m => m.ScheduledFor),
        // What no rule has held back yet is still scheduled for the time that was asked for.
        NotBefore = messages.Max(m => m.HasBeenHeld ? m.NotBefore : Later(m.NotBefore, m.ScheduledFor)),
        ExpiresAt = messages.Min(m => m.ExpiresAt),
        CanDelay = messages.All(m => m.CanDelay),
        BestAt = messages.Max(m => m.BestAt),
        HasContent = messages.All(m => m.HasContent),
        NeedsModel = messages.Any(m => m.NeedsModel),
        IsWithModel = messages.Any(m => m.IsWithModel),
        HasLostItsConversation = messages.Any(m => m.HasLostItsConversation),
        HasBeenHeld = messages.Any(m => m.HasBeenHeld),
    };

    private static Instant Later(Instant? one, Instant other) => one is { } at ? Instant.Max(at, other) : other;
}

/// <summary>One message of a sequence, as far as the others care.</summary>
/// <param name="Position">Its place, from 1; null where a program has left it out.</param>
/// <param name="Total">How many it says there are; null likewise.</param>
/// <param name="CreatedAt">When it arrived.</param>
/// <param name="State">What has become of it.</param>
public readonly record struct SequenceMember(int? Position, int? Total, Instant CreatedAt, SequenceMemberState State);

/// <summary>What has become of a message of a sequence.</summary>
public enum SequenceMemberState
{
    /// <summary>It is still in the queue.</summary>
    Waiting,

    /// <summary>It was handed over.</summary>
    Delivered,

    /// <summary>It has left the queue in any other way.</summary>
    Ended,
}

/// <summary>Why a sequence cannot take a message.</summary>
public enum SequenceConflict
{
    /// <summary>The sequence, or a part of it, has left the queue.</summary>
    Ended,

    /// <summary>Earlier messages gave another total.</summary>
    TotalDiffers,

    /// <summary>A message with this position is there.</summary>
    PositionTaken,
}
