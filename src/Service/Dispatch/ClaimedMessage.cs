using NodaTime;
using Orchestrator.Core;

namespace Orchestrator.Service.Dispatch;

/// <summary>A row that a claim or a look at the waiting messages returns.</summary>
internal sealed record ClaimedMessage
{
    public Guid Id { get; init; }

    public required string UserId { get; init; }

    public required string Priority { get; init; }

    public Instant CreatedAt { get; init; }

    public Instant ScheduledFor { get; init; }

    public Instant? NotBefore { get; init; }

    public Instant? ExpiresAt { get; init; }

    public bool CanDelay { get; init; }

    public Instant? BestAt { get; init; }

    public string? ConversationId { get; init; }

    /// <summary>What has held the message back so far; null: nothing has.</summary>
    public string? Reason { get; init; }

    public bool RequiresFreshContext { get; init; }

    public bool HasContent { get; init; }

    /// <summary>Whether there is something that a text could be written from; read by claims alone.</summary>
    public bool HasBrief { get; init; }

    /// <summary>Its topic; read for predictions alone.</summary>
    public string? Topic { get; init; }

    /// <summary>Whether a model is at it; read of messages that are not claimed.</summary>
    public bool IsLeased { get; init; }

    /// <summary>Whether it waits until a model has time for it; likewise.</summary>
    public bool StandsInLine { get; init; }

    /// <summary>The sequence it belongs to; null: none.</summary>
    public Guid? SequenceId { get; init; }

    /// <summary>Its place in the sequence, from 1; read with the whole sequence.</summary>
    public int? SequencePosition { get; init; }

    /// <summary>How many messages the sequence is to have; likewise.</summary>
    public int? SequenceTotal { get; init; }

    /// <summary>Its status; likewise. Everything else that is read waits.</summary>
    public string? Status { get; init; }

    /// <summary>The sequence that goes with it, itself included; null: it goes by itself.</summary>
    public ClaimedSequence? Sequence { get; init; }

    /// <summary>The messages that what is decided of it holds for, in order.</summary>
    public IReadOnlyList<ClaimedMessage> All => Sequence?.Waiting ?? [this];

    /// <summary>False where another dispatcher holds the user or, of a sequence, a message; or where there is no such user.</summary>
    public bool UserIsLocked { get; init; }

    /// <summary>The message, or the sequence that goes with it, as the rules decide it.</summary>
    public QueuedMessage AsOne(Func<ClaimedMessage, QueuedMessage> asQueued, DeliveryRules rules) =>
        Sequence is null ? asQueued(this) : Sequence.State.AsOne([.. Sequence.Waiting.Select(asQueued)], rules) with { Id = Id };

    /// <summary>The message as the rules see it.</summary>
    /// <param name="needsModel">Whether a model has to write or judge it first.</param>
    /// <param name="hasLostItsConversation">Whether the conversation that it names is gone.</param>
    public QueuedMessage ToQueuedMessage(bool needsModel, bool hasLostItsConversation = false) => new()
    {
        Id = Id,
        Lane = Lanes.Parse(Priority) ?? Lane.Medium,
        CreatedAt = CreatedAt,
        ScheduledFor = ScheduledFor,
        NotBefore = NotBefore,
        ExpiresAt = ExpiresAt,
        CanDelay = CanDelay,
        BestAt = BestAt,
        HasBeenHeld = Reason is not null,
        HasContent = HasContent,
        NeedsModel = needsModel,
        IsWithModel = IsLeased || StandsInLine,
        HasLostItsConversation = hasLostItsConversation,
    };
}
