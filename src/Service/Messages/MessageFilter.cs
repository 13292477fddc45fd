namespace Orchestrator.Service.Messages;

/// <summary>Which messages a list is of, and which page of it.</summary>
public sealed record MessageFilter
{
    /// <summary>Of this user; null: of all.</summary>
    public string? UserId { get; init; }

    /// <summary>Of this status, one of <see cref="Statuses"/>; null: of all.</summary>
    public string? Status { get; init; }

    /// <summary>Of this topic of the user; null: of all, and of none.</summary>
    public string? Topic { get; init; }

    /// <summary>Behind it the page begins.</summary>
    public ListCursor After { get; init; } = ListCursor.Start;

    /// <summary>How many messages, at most.</summary>
    public int Limit { get; init; } = 50;

    /// <summary>All that a message can be.</summary>
    public static IReadOnlyList<string> Statuses { get; } = ["queued", "sent", "expired", "failed", "cancelled", "superseded"];
}
