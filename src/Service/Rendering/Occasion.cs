using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>A message that would go out now, and what the model is told about the person and the moment.</summary>
public sealed record Occasion
{
    /// <summary>The text an agent wants sent; null: it is to be written from <see cref="Data"/>.</summary>
    public string? Content { get; init; }

    /// <summary>What the message is about, as JSON text; null: the content says everything.</summary>
    public string? Data { get; init; }

    /// <summary>When the message was queued, by the person's wall clock.</summary>
    public required LocalDateTime QueuedAt { get; init; }

    /// <summary>The present, by the person's wall clock.</summary>
    public required LocalDateTime Now { get; init; }

    /// <summary>The person's first name; null: unknown.</summary>
    public string? FirstName { get; init; }

    /// <summary>What the conversation has been about; null: nobody has summed it up.</summary>
    public string? Summary { get; init; }

    /// <summary>What was said lately, oldest first. Any number: the prompt takes the newest that fit.</summary>
    public IReadOnlyList<Turn> Turns { get; init; } = [];

    /// <summary>Whether content and data together are more than is put before the model: no SMS is made of so much.</summary>
    public bool IsTooLong => (Content?.Length ?? 0) + (Data?.Length ?? 0) > Prompt.LongestMessage;
}

/// <summary>Something said in the conversation.</summary>
/// <param name="By">Who said it.</param>
/// <param name="At">When, by the person's wall clock.</param>
/// <param name="Text">What.</param>
/// <param name="SinceQueued">Whether it was said after the message was queued: only this can change what the message means.</param>
public sealed record Turn(Speaker By, LocalDateTime At, string Text, bool SinceQueued);

/// <summary>The two sides of a conversation.</summary>
public enum Speaker
{
    /// <summary>The person who gets the messages.</summary>
    Person,

    /// <summary>An agent of the service.</summary>
    Agent,
}
