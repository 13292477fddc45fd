using System.Text.Json;
using System.Text.Json.Serialization;
using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.Scheduling;

/// <summary>What a caller learns of the message it scheduled: the truth at that moment.</summary>
public sealed record ScheduleAnswer
{
    /// <summary>Always true: a refusal is a problem, not an answer.</summary>
    public bool Success { get; } = true;

    /// <summary>The message's id, of several the first one's; null in a dry run, which stores none.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.Never)]
    public required Guid? MessageId { get; init; }

    /// <summary>The ids of all messages of the request, in order; null where it was for one message, and in a dry run.</summary>
    public IReadOnlyList<Guid>? MessageIds { get; init; }

    /// <summary><c>queued</c>; or what has become of an urgent message already.</summary>
    public required string Status { get; init; }

    /// <summary>When it is delivered, if nothing else comes between; or when it was.</summary>
    public required Instant ScheduledFor { get; init; }

    /// <summary>What holds it back, in a stable code; null: nothing does.</summary>
    public string? Code { get; init; }

    /// <summary>The same in a sentence.</summary>
    public string? Reason { get; init; }

    /// <summary>True where nothing was stored; null otherwise.</summary>
    public bool? DryRun { get; init; }

    /// <summary>How answers are written.</summary>
    internal static JsonSerializerOptions Json { get; } =
        new(JsonResults.Options) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>The answer for a message that stands so in the database.</summary>
    /// <param name="id">The message's id.</param>
    /// <param name="status">Its status.</param>
    /// <param name="scheduledFor">Its <c>scheduled_for</c>.</param>
    /// <param name="code">Its last reason; null: none.</param>
    internal static ScheduleAnswer From(Guid id, string status, Instant scheduledFor, string? code) => new()
    {
        MessageId = id,
        Status = status,
        ScheduledFor = scheduledFor,
        Code = code == Reasons.Delivered ? null : code,
        Reason = Reasons.SentenceOf(code),
    };

    /// <summary>The answer as it is kept and sent.</summary>
    internal string ToJson() => JsonSerializer.Serialize(this, Json);
}
