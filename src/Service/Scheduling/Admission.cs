using System.Security.Cryptography;
using System.Text.Json;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Scheduling;

/// <summary>Whether a checked request is taken, as far as its slot has no say: the same for one and for many.</summary>
internal static class Admission
{
    /// <summary>The longest idempotency key, in characters.</summary>
    public const int LongestKey = 255;

    /// <summary>How long a key stands for its message after that has left the queue.</summary>
    private static readonly Duration KeyLife = Duration.FromHours(24);

    /// <summary>Whether the text may be an idempotency key.</summary>
    public static bool IsKey(string text) => text.Length is >= 1 and <= LongestKey && !text.Any(char.IsControl) && !string.IsNullOrWhiteSpace(text);

    /// <summary>Why the request cannot become an SMS, whatever the database holds; null: it can.</summary>
    public static ScheduleOutcome.Refused? UnsendableRefusal(ScheduleRequest request, Settings settings) =>
        WhyUnsendable(request.HasContent, settings, [request.MessageData, .. request.Following ?? []]) is { } problem ? new(problem) : null;

    /// <summary>Why messages cannot become SMS: the content is too long, or there is none, and nothing that could write it; null: they can.</summary>
    /// <param name="haveContent">Whether each has a <c>content</c>.</param>
    /// <param name="settings">Who sends, and whether there is a model.</param>
    /// <param name="messages">JSON objects as texts.</param>
    public static Problem? WhyUnsendable(bool haveContent, Settings settings, params IReadOnlyList<string> messages) =>
        settings.Sms.Delivery == SmsDelivery.Twilio && messages.Any(SmsLength.IsTooLong) ? SmsLength.Refusal
        : haveContent ? null
        : settings.Model is null ? Problem.ModelNotConfigured()
        : messages.Any(data => data.Length > Prompt.LongestMessage)
            ? Problem.InvalidRequest("messageData", $"is more than a text message can be written from: at most {Prompt.LongestMessage} characters")
        : null;

    /// <summary>The request with ids as the database spells them; null where the user's cannot be an id of this database.</summary>
    public static ScheduleRequest? Normalize(ScheduleRequest request, IdFormat.Format format)
    {
        if (format.Normalize(request.UserId) is not { } userId)
            return null;
        // A conversation that cannot exist is looked up as one that does not.
        var conversationId = request.ConversationId is null ? null : format.Normalize(request.ConversationId) ?? Guid.Empty.ToString();
        return userId == request.UserId && conversationId == request.ConversationId ? request : request with { UserId = userId, ConversationId = conversationId };
    }

    /// <summary>
    /// Whether the request bears on other messages of its user. Then it is stored in the user's turn: no two such requests for one user
    /// run at once, and none runs while a dispatch decides for that user.
    /// </summary>
    public static bool TakesTurn(ScheduleRequest request) =>
        request.Topic is not null || request.Sequence is not null || request.Following is not null;

    /// <summary>
    /// The digest of what was asked for, which a key stands for; the order of fields and white space between them do not count. Null
    /// without a key.
    /// </summary>
    public static byte[]? HashOf(ScheduleRequest request, string? key) =>
        key is null ? null : SHA256.HashData(JsonSerializer.SerializeToUtf8Bytes(request, ScheduleAnswer.Json));

    /// <summary>Whether the key has stood for its message long enough to be taken anew.</summary>
    public static bool IsOver(IdempotencyKeyRow key, Instant now) => key.FinishedAt + KeyLife <= now;

    /// <summary>What the second request with a key is told.</summary>
    public static ScheduleOutcome Replay(IdempotencyKeyRow earlier, byte[] hash, Instant now) =>
        !CryptographicOperations.FixedTimeEquals(earlier.RequestHash, hash) ? new ScheduleOutcome.Refused(Problem.IdempotencyKeyReused())
        : earlier.RunningUntil > now ? new ScheduleOutcome.Refused(Problem.IdempotencyKeyRunning())
        : new ScheduleOutcome.Answered(earlier.Answer, Replayed: true);

    /// <summary>Why the request cannot be taken as things stand; null: it can.</summary>
    public static ScheduleOutcome.Refused? Refusal(ScheduleRequest request, SchedulingContext context)
    {
        if (context.User is null)
            return UserIsUnknown(request);
        if (context.ConversationIsUnknown)
            return new(Problem.ConversationNotFound(request.ConversationId!));
        if (request.ExpiresAt <= context.Now)
            return new(Problem.InvalidRequest("expiresAt", "is already past"));
        if (request.Sequence is not { } place || context.Sequence.Count == 0)
            return null;

        var sequence = ClaimedSequence.Of(context.Sequence).State;
        return sequence.ConflictWith(place.Position, place.Total) switch
        {
            null => null,
            SequenceConflict.Ended => new(Problem.SequenceConflict("sequence.id", "is that of a sequence that has ended; use a new one")),
            SequenceConflict.TotalDiffers => new(Problem.SequenceConflict("sequence.total", $"was {sequence.Total} in earlier messages")),
            SequenceConflict.PositionTaken => new(Problem.SequenceConflict("sequence.position", "is taken by another message")),
            var other => throw new InvalidOperationException($"Unknown conflict {other}."),
        };
    }

    /// <summary>Why the database did not store the message, where it is the message's own fault; null: it is not.</summary>
    public static ScheduleOutcome.Refused? RefusalBecauseOf(PostgresException fault, ScheduleRequest request) =>
        // Deleted between the look and the insert.
        fault.SqlState == PostgresErrorCodes.ForeignKeyViolation ? UserIsUnknown(request)
        : DatabaseErrors.IsRefusedData(fault)
            ? new(Problem.InvalidRequest("messageData", "holds a value that cannot be stored, such as a number beyond all bounds"))
        : null;

    /// <summary>There is no such user.</summary>
    public static ScheduleOutcome.Refused UserIsUnknown(ScheduleRequest request) => new(Problem.UserNotFound(request.UserId));
}
