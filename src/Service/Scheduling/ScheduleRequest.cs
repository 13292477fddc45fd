using System.Text.Json.Serialization;
using NodaTime;
using Orchestrator.Core;

namespace Orchestrator.Service.Scheduling;

/// <summary>A checked request to queue a message.</summary>
public sealed record ScheduleRequest
{
    /// <summary>Who is to get it.</summary>
    public required string UserId { get; init; }

    /// <summary>Which agent says it.</summary>
    public required string AgentId { get; init; }

    /// <summary>What it says: a JSON object as text. Of several messages in one request, what the first says.</summary>
    public required string MessageData { get; init; }

    /// <summary>What the messages after the first say, with which they make a sequence; null: the request is for one message.</summary>
    public IReadOnlyList<string>? Following { get; init; }

    /// <summary>Whether <see cref="MessageData"/>, and each of <see cref="Following"/>, holds a <c>content</c> string.</summary>
    public required bool HasContent { get; init; }

    /// <summary>The lane.</summary>
    public Lane Lane { get; init; } = Lane.Medium;

    /// <summary>Whether a better time may be waited for.</summary>
    public bool CanDelay { get; init; } = true;

    /// <summary>Whether it must still make sense when it is delivered.</summary>
    public bool RequiresFreshContext { get; init; }

    /// <summary>The conversation it belongs to; null: the user's newest active one.</summary>
    public string? ConversationId { get; init; }

    /// <summary>Not before this time; null: at once.</summary>
    public Instant? ScheduledFor { get; init; }

    /// <summary>Never at or after this time; null: never expires.</summary>
    public Instant? ExpiresAt { get; init; }

    /// <summary>What it is about: it supersedes what still waits of the same user and topic. Null: nothing.</summary>
    public string? Topic { get; init; }

    /// <summary>Its place in a sequence that comes in several requests; null: none.</summary>
    public SequencePlace? Sequence { get; init; }

    /// <summary>The name of the key that it came with; null: none, or one without a name. No part of what is asked for, so that a repetition may use another key.</summary>
    [JsonIgnore]
    public string? ScheduledBy { get; init; }

    /// <summary>The trace that it came in, as W3C Trace Context writes it; null: none that is recorded. No part of what is asked for either.</summary>
    [JsonIgnore]
    public string? Traceparent { get; init; }
}
