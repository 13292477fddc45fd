using NodaTime;
using Orchestrator.Core;

namespace Orchestrator.Service.Messages;

/// <summary>A checked request to change a message. What is null stays as it is.</summary>
public sealed record ChangeRequest
{
    /// <summary>The names of the fields that it changes, in order; at least one.</summary>
    public required IReadOnlyList<string> Fields { get; init; }

    /// <summary>Not before this time; <see cref="Given{T}"/> of null: at once.</summary>
    public Given<Instant?>? ScheduledFor { get; init; }

    /// <summary>Never at or after this time; <see cref="Given{T}"/> of null: never expires.</summary>
    public Given<Instant?>? ExpiresAt { get; init; }

    /// <summary>The lane.</summary>
    public Lane? Lane { get; init; }

    /// <summary>Whether a better time may be waited for.</summary>
    public bool? CanDelay { get; init; }

    /// <summary>Whether it must still make sense when it is delivered.</summary>
    public bool? RequiresFreshContext { get; init; }

    /// <summary>What it says: a JSON object as text.</summary>
    public string? MessageData { get; init; }

    /// <summary>The name of the key that it came with; null: none, or one without a name.</summary>
    public string? ChangedBy { get; init; }

    /// <summary>Whether <see cref="MessageData"/> holds a <c>content</c> string.</summary>
    public bool HasContent { get; init; }
}

/// <summary>A value that was given, be it null.</summary>
public readonly record struct Given<T>(T Value);
