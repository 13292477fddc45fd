using System.Text.Json;
using Dapper;
using NodaTime;
using NodaTime.Text;
using Orchestrator.Core;

namespace Orchestrator.Service.Messages;

/// <summary>A message as its callers see it. What there is nothing to say of is left out.</summary>
public sealed record MessageView
{
    private const string Queued = "message_queued";

    /// <summary>The id of the answer that queued it.</summary>
    public required Guid Id { get; init; }

    /// <summary>Who is to get it.</summary>
    public required string UserId { get; init; }

    /// <summary>Which agent says it; null only where another program has left it out.</summary>
    public string? AgentId { get; init; }

    /// <summary>The conversation it belongs to; null: none was known when it was queued.</summary>
    public string? ConversationId { get; init; }

    /// <summary>The lane.</summary>
    public required string Priority { get; init; }

    /// <summary>What it is about; null: nothing that a newer message would supersede.</summary>
    public string? Topic { get; init; }

    /// <summary>Its place in a sequence; null: it goes by itself.</summary>
    public SequenceView? Sequence { get; init; }

    /// <summary>Where it stands in the queue; <c>sent</c> says that it was handed over, and <see cref="Sms"/> how far it has come since.</summary>
    public required string Status { get; init; }

    /// <summary>What holds it back, or how it ended, in a stable code; null: nothing does.</summary>
    public string? Code { get; init; }

    /// <summary>The same in a sentence.</summary>
    public string? Reason { get; init; }

    /// <summary>When it is decided next, or was last; null while a model is at it, for which nobody knows how long it takes.</summary>
    public Instant? ScheduledFor { get; init; }

    /// <summary>The <c>scheduledFor</c> that was asked for; null: none was.</summary>
    public Instant? NotBefore { get; init; }

    /// <summary>Never delivered at or after it; null: never expires.</summary>
    public Instant? ExpiresAt { get; init; }

    /// <summary>Whether a better time may be waited for.</summary>
    public required bool CanDelay { get; init; }

    /// <summary>Whether it must still make sense when it is delivered.</summary>
    public required bool RequiresFreshContext { get; init; }

    /// <summary>When it was queued.</summary>
    public required Instant CreatedAt { get; init; }

    /// <summary>When it left the queue; null: it waits, or left it before this service kept that.</summary>
    public Instant? FinishedAt { get; init; }

    /// <summary>The newer message of its topic; null: none has taken its place.</summary>
    public Guid? SupersededBy { get; init; }

    /// <summary>How far its SMS has come; null: it was not handed over.</summary>
    public SmsView? Sms { get; init; }

    /// <summary>What the agent gave; null in lists.</summary>
    public RawJson? MessageData { get; init; }

    /// <summary>What a model has made of it; null in lists, and where the agent's own words go out.</summary>
    public string? FinalMessage { get; init; }

    /// <summary>What has happened to it, oldest first; null in lists.</summary>
    public IReadOnlyList<TrailEntry>? Trail { get; init; }

    /// <summary>The message of a row.</summary>
    internal static MessageView Of(MessageRow row) => new()
    {
        Id = row.Id,
        UserId = row.UserId,
        AgentId = row.AgentId,
        ConversationId = row.ConversationId,
        Priority = row.Priority,
        Topic = row.Topic,
        Sequence = row.SequenceId is null ? null : new SequenceView(row.SequenceId, row.SequencePosition, row.SequenceTotal),
        Status = row.Status,
        Code = row.Reason == Reasons.Delivered ? null : row.Reason,
        Reason = row.Status == "queued" ? Reasons.SentenceOf(row.Reason, row.ScheduledFor, row.ExpiresAt) : Reasons.SentenceOf(row.Reason),
        ScheduledFor = row is { Status: "queued", Reason: Reasons.Rendering } ? null : row.ScheduledFor,
        NotBefore = row.NotBefore,
        ExpiresAt = row.ExpiresAt,
        CanDelay = row.CanDelay,
        RequiresFreshContext = row.RequiresFreshContext,
        CreatedAt = row.CreatedAt,
        FinishedAt = row.FinishedAt,
        SupersededBy = row.SupersededByMessageId,
        Sms = row.SmsStatus is null ? null : new SmsView
        {
            Status = row.SmsStatus,
            Code = SmsCodeOf(row),
            Reason = Reasons.SentenceOf(SmsCodeOf(row)),
            NextLookAt = row.SmsNextLookAt,
            Attempts = row.SmsAttempts ?? 0,
            SentAt = row.SmsSentAt,
            DeliveredAt = row.SmsDeliveredAt,
            Sid = row.SmsSid,
        },
        MessageData = row.MessageData is null ? null : new RawJson(row.MessageData),
        FinalMessage = row.FinalMessage,
    };

    /// <summary>What keeps the SMS back. Once the provider has it, that is past.</summary>
    private static string? SmsCodeOf(MessageRow row) => row.SmsStatus is "sent" or "delivered" ? null : row.SmsError;

    /// <summary>The message with what has happened to it. The trail knows better than the code why something came to pass.</summary>
    internal MessageView With(IEnumerable<TrailRow> rows)
    {
        // That it was queued is the message itself; the trail adds by whose key, where that has a name.
        var known = rows.AsList();
        TrailEntry[] trail =
        [
            new TrailEntry { At = CreatedAt, Event = Queued, Key = known.Find(row => row.Event == Queued)?.Key },
            .. known.Where(row => row.Event != Queued).Select(TrailEntry.Of),
        ];
        return this with
        {
            Reason = ReasonFor(Code, sms: false) ?? Reason,
            Sms = Sms switch
            {
                null => null,
                // Nothing is recorded of a request but that it went out; what came of it, or did not, stands in the trail.
                { Status: "sending", Code: null } when Array.FindLast(trail, IsOfSms) is { Event: "sms_unknown" } unknown =>
                    Sms with { Code = unknown.Code, Reason = unknown.Reason },
                _ => Sms with { Reason = ReasonFor(Sms.Code, sms: true) ?? Sms.Reason },
            },
            Trail = trail,
        };

        string? ReasonFor(string? code, bool sms) => code is null ? null : Array.FindLast(trail, e => e.Code == code && IsOfSms(e) == sms)?.Reason;

        static bool IsOfSms(TrailEntry entry) => entry.Event.StartsWith("sms_", StringComparison.Ordinal);
    }
}

/// <summary>A place in a sequence.</summary>
/// <param name="Id">What the agent calls the sequence, or the service's own id of messages that came in one request.</param>
/// <param name="Position">From 1; null where another program has left it out.</param>
/// <param name="Total">How many messages it is to have; likewise.</param>
public sealed record SequenceView(string Id, int? Position, int? Total);

/// <summary>How far an SMS has come.</summary>
public sealed record SmsView
{
    /// <summary><c>messages.status</c>: <c>pending</c>, <c>sending</c>, <c>sent</c>, <c>delivered</c>, and how it ends otherwise.</summary>
    public required string Status { get; init; }

    /// <summary>What keeps it, or has kept it for good, from the phone: the provider's number or the service's word; null: nothing.</summary>
    public string? Code { get; init; }

    /// <summary>The same in a sentence; null: none is known.</summary>
    public string? Reason { get; init; }

    /// <summary>When it is tried again, or the provider is asked what became of it; null: nothing holds it back, it has ended, or it is in a list.</summary>
    public Instant? NextLookAt { get; init; }

    /// <summary>How many requests were made to the provider.</summary>
    public required int Attempts { get; init; }

    /// <summary>When the provider took it; null: it has not.</summary>
    public Instant? SentAt { get; init; }

    /// <summary>When the phone had it; null: nobody has said so.</summary>
    public Instant? DeliveredAt { get; init; }

    /// <summary>The provider's id of it, to ask the provider by; null: none yet.</summary>
    public string? Sid { get; init; }
}

/// <summary>One thing that has happened to a message.</summary>
public sealed record TrailEntry
{
    /// <summary>When.</summary>
    public Instant? At { get; init; }

    /// <summary>What: <c>message_queued</c>, <c>message_deferred</c>, <c>sms_sent</c> and so on.</summary>
    public required string Event { get; init; }

    /// <summary>Why, in a stable code; null: there is nothing to explain.</summary>
    public string? Code { get; init; }

    /// <summary>The same in a sentence.</summary>
    public string? Reason { get; init; }

    /// <summary>Until when it holds; null: for good.</summary>
    public Instant? Until { get; init; }

    /// <summary>The newer message that has taken its place.</summary>
    public string? By { get; init; }

    /// <summary>What was changed.</summary>
    public IReadOnlyList<string>? Fields { get; init; }

    /// <summary>The name of the key that asked for it; null: nobody did, or the key has none.</summary>
    public string? Key { get; init; }

    /// <summary>The model that was asked.</summary>
    public string? Model { get; init; }

    internal static TrailEntry Of(TrailRow row) => new()
    {
        At = row.At,
        Event = row.Event,
        Code = row.Code,
        Reason = row.Reason ?? (row.Code == Reasons.Delivered ? Reasons.DeliveredSentence : Reasons.SentenceOf(row.Code)),
        Until = row.Until is not null && OffsetDateTimePattern.ExtendedIso.Parse(row.Until) is { Success: true, Value: var until } ? until.ToInstant() : null,
        By = row.By,
        Fields = NamesIn(row.Fields),
        Key = row.Key,
        Model = row.Model,
    };

    /// <summary>The strings of a JSON array; the table is shared, so anything may stand there.</summary>
    private static string[]? NamesIn(string? json)
    {
        try
        {
            return json is null ? null : JsonSerializer.Deserialize<string[]>(json);
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
