using System.Collections.Concurrent;

namespace Orchestrator.Chaos.Tests.Load;

/// <summary>One message that a caller wants somebody to get, and what the caller was told of it.</summary>
/// <param name="Reference">The caller's name for it, which is in its data and, unless a model goes astray, in its text.</param>
/// <param name="UserId">Who is to get it.</param>
public sealed record Order(string Reference, string UserId)
{
    private readonly ConcurrentDictionary<Guid, bool> _ids = new();

    /// <summary>The idempotency key that its request goes with; null: none.</summary>
    public string? Key { get; init; }

    /// <summary>Its text; null: a model writes it.</summary>
    public string? Text { get; init; }

    /// <summary>Whether a model may put it in other words.</summary>
    public bool MayBeReworded { get; init; }

    /// <summary>When it may go at the earliest; null: at once.</summary>
    public DateTime? NotBefore { get; init; }

    /// <summary>When it is of no use any more; null: never.</summary>
    public DateTime? ExpiresAt { get; init; }

    /// <summary>Its topic; null: none.</summary>
    public string? Topic { get; init; }

    /// <summary>The caller's name for its sequence; null: it goes by itself.</summary>
    public string? Sequence { get; init; }

    /// <summary>Its place in that, from 1.</summary>
    public int? Place { get; init; }

    /// <summary>The text that a change wanted instead, answered or not; null: none was asked for.</summary>
    public string? ChangedText { get; set; }

    /// <summary>Whether that change was answered with 200.</summary>
    public bool IsChanged { get; set; }

    /// <summary>Whether a cancellation was answered with 200.</summary>
    public bool IsCancelled { get; set; }

    /// <summary>The ids that its requests were answered with. There must not be two.</summary>
    public ICollection<Guid> Ids => _ids.Keys;

    /// <summary>Notes an answer.</summary>
    public void AnsweredWith(Guid id) => _ids.TryAdd(id, value: true);
}
