using NodaTime;

namespace Orchestrator.Service.Messages;

/// <summary>A row of LoadMessage, ListMessages or ListMessagesOfUser.</summary>
internal sealed record MessageRow
{
    public Guid Id { get; init; }

    public required string UserId { get; init; }

    /// <summary>Null where the replaced service has left it out.</summary>
    public string? AgentId { get; init; }

    public string? ConversationId { get; init; }

    public required string Priority { get; init; }

    public string? Topic { get; init; }

    public required string Status { get; init; }

    public string? Reason { get; init; }

    /// <summary>What the agent calls its sequence, else the service's own id of it; null: none.</summary>
    public string? SequenceId { get; init; }

    public int? SequencePosition { get; init; }

    public int? SequenceTotal { get; init; }

    /// <summary>The time that lists go by.</summary>
    public Instant ListedAt { get; init; }

    public Instant CreatedAt { get; init; }

    public Instant ScheduledFor { get; init; }

    public Instant? NotBefore { get; init; }

    public Instant? ExpiresAt { get; init; }

    public Instant? FinishedAt { get; init; }

    public bool CanDelay { get; init; }

    public bool RequiresFreshContext { get; init; }

    public Guid? SupersededByMessageId { get; init; }

    /// <summary>How far the SMS has come; null: it was not handed over.</summary>
    public string? SmsStatus { get; init; }

    public string? SmsSid { get; init; }

    public int? SmsAttempts { get; init; }

    public string? SmsError { get; init; }

    public Instant? SmsErrorAt { get; init; }

    public Instant? SmsSentAt { get; init; }

    public Instant? SmsDeliveredAt { get; init; }

    /// <summary>What the agent gave, as JSON; read of one message, not of lists.</summary>
    public string? MessageData { get; init; }

    /// <summary>What a model has made of it; likewise.</summary>
    public string? FinalMessage { get; init; }

    /// <summary>The fault that keeps anything from being sent; likewise.</summary>
    public string? SendingStoppedBy { get; init; }

    /// <summary>Whether it was handed over before this service sent anything, so that whoever did sends it; likewise.</summary>
    public bool IsLeftToOthers { get; init; }

    /// <summary>When an SMS that something holds back is tried again or asked about; likewise.</summary>
    public Instant? SmsNextLookAt { get; init; }
}

/// <summary>A row of LoadTrail.</summary>
internal sealed record TrailRow
{
    /// <summary>Null where a program has left it out.</summary>
    public Instant? At { get; init; }

    public required string Event { get; init; }

    public string? Code { get; init; }

    public string? Reason { get; init; }

    /// <summary>A time as PostgreSQL writes it in JSON.</summary>
    public string? Until { get; init; }

    public string? By { get; init; }

    /// <summary>A JSON array of names.</summary>
    public string? Fields { get; init; }

    public string? Key { get; init; }

    public string? Model { get; init; }
}
