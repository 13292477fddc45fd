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

    /// <summary>False where another dispatcher holds the user, or where there is no such user.</summary>
    public bool UserIsLocked { get; init; }

    /// <summary>The message as the rules see it.</summary>
    public QueuedMessage ToQueuedMessage(bool hasLostItsConversation = false) => new()
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
        HasLostItsConversation = hasLostItsConversation,
    };
}
