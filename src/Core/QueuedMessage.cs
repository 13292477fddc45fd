using NodaTime;

namespace Orchestrator.Core;

/// <summary>What the rules need to know of a queued message.</summary>
public sealed record QueuedMessage
{
    /// <summary>The id of the row in <c>message_queue</c>.</summary>
    public required Guid Id { get; init; }

    /// <summary>The lane it was queued in.</summary>
    public required Lane Lane { get; init; }

    /// <summary>When it was queued.</summary>
    public required Instant CreatedAt { get; init; }

    /// <summary>When it is next to be decided.</summary>
    public required Instant ScheduledFor { get; init; }

    /// <summary>The caller's <c>scheduledFor</c>: never delivered before it. Null: no such wish.</summary>
    public Instant? NotBefore { get; init; }

    /// <summary>Never delivered at or after it. Null: never expires.</summary>
    public Instant? ExpiresAt { get; init; }

    /// <summary>False turns best time and the deferral of the low lane off.</summary>
    public bool CanDelay { get; init; } = true;

    /// <summary>The instant <see cref="BestTime"/> chose when the message was queued; null: no better time is known.</summary>
    public Instant? BestAt { get; init; }

    /// <summary>Whether there is a text to deliver.</summary>
    public bool HasContent { get; init; } = true;

    /// <summary>Whether a model has to write it, or to judge whether it still makes sense, before it may go.</summary>
    public bool NeedsModel { get; init; }

    /// <summary>Whether a model is at it, or will be as soon as one is free: it has passed every rule, and goes when it is ready.</summary>
    public bool IsWithModel { get; init; }

    /// <summary>Whether the message names a conversation that does not exist any more.</summary>
    public bool HasLostItsConversation { get; init; }

    /// <summary>When it is given up because messages of its <see cref="Sequence"/> are missing; null: none is missing.</summary>
    public Instant? CompleteBy { get; init; }

    /// <summary>Whether another message of its <see cref="Sequence"/> has ended without being delivered.</summary>
    public bool IsBroken { get; init; }

    /// <summary>Whether a rule has held it back before, and so has moved <see cref="ScheduledFor"/>.</summary>
    public bool HasBeenHeld { get; init; }

    /// <summary>
    /// The time it was first scheduled for, by which messages of one lane go. Not the slot it was last given: a message that lost
    /// its slot would then come behind all that have one still, and lose again and again.
    /// </summary>
    public Instant WaitingSince => HasBeenHeld ? EligibleAt : ScheduledFor;

    /// <summary>The first instant at which the message could have gone: queued, and past its <see cref="NotBefore"/>.</summary>
    public Instant EligibleAt => NotBefore is { } notBefore ? Instant.Max(CreatedAt, notBefore) : CreatedAt;

    /// <summary>The lane it counts in at <paramref name="now"/>: a low message that has waited its full time counts as medium.</summary>
    public Lane LaneAt(Instant now, DeliveryRules rules) =>
        Lane == Lane.Low && now >= EligibleAt + rules.LongestDelay ? Lane.Medium : Lane;
}
