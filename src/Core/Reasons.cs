using System.Collections.Frozen;
using NodaTime;

namespace Orchestrator.Core;

/// <summary>
/// The stable code and the sentence of every decision: what the trail, the answers and the logs say.
/// The codes of the limits are those of the service this one replaces.
/// </summary>
public static class Reasons
{
    /// <summary>The codes of rules of which it is known until when they hold a message back.</summary>
    private static readonly FrozenSet<string> Holds =
        Enum.GetValues<Hold>().Where(hold => hold != Hold.SequenceUnfinished).Select(Code).ToFrozenSet(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, string> Sentences = FrozenDictionary.ToFrozenDictionary<string, string>(
        [
            .. Enum.GetValues<Hold>().Select(hold => KeyValuePair.Create(hold.Code(), hold.Sentence())),
            .. Enum.GetValues<Failure>().Select(failure => KeyValuePair.Create(failure.Code(), failure.Sentence())),
            new(Expired, ExpiredSentence),
            new(NewerTopic, NewerTopicSentence),
            new(SequenceBroken, SequenceBrokenSentence),
            new(Rendering, RenderingSentence),
            new(ModelUnavailable, ModelUnavailableSentence),
            new(Stale, StaleSentence),
            new(NotRendered, NotRenderedSentence),
            new(CancelledByCaller, CancelledByCallerSentence),
            new(SendingStopped, SendingStoppedSentence),
            new(ExternalSender, ExternalSenderSentence),
        ],
        StringComparer.Ordinal);

    /// <summary>The code of a delivery.</summary>
    public const string Delivered = "delivered";

    /// <summary>The same in a sentence.</summary>
    public const string DeliveredSentence = "It was handed over to be sent.";

    /// <summary>The code of an expiry.</summary>
    public const string Expired = "expired";

    /// <summary>An expiry in a sentence.</summary>
    public const string ExpiredSentence = "The message expired before it could be delivered.";

    /// <summary>The code of what a newer message of the same topic has replaced.</summary>
    public const string NewerTopic = "newer_topic";

    /// <summary>The same in a sentence.</summary>
    public const string NewerTopicSentence = "A newer message of the same topic has taken its place.";

    /// <summary>The code of what is called off because another message of its sequence has ended.</summary>
    public const string SequenceBroken = "sequence_broken";

    /// <summary>The same in a sentence.</summary>
    public const string SequenceBrokenSentence = "Another message of the sequence has ended without being delivered.";

    /// <summary>The code of what a model is writing or judging.</summary>
    public const string Rendering = "rendering";

    /// <summary>The same in a sentence.</summary>
    public const string RenderingSentence = "A model writes the message, or judges whether it still makes sense, before it goes out.";

    /// <summary>The code of what waits for a model that has failed.</summary>
    public const string ModelUnavailable = "model_unavailable";

    /// <summary>The same in a sentence.</summary>
    public const string ModelUnavailableSentence = "The model failed; it is asked again.";

    /// <summary>The code of what makes no sense any more.</summary>
    public const string Stale = "stale";

    /// <summary>The same in a sentence.</summary>
    public const string StaleSentence = "What was said since the message was queued has overtaken it.";

    /// <summary>The code of what a model could not write.</summary>
    public const string NotRendered = "not_rendered";

    /// <summary>The same in a sentence.</summary>
    public const string NotRenderedSentence = "The model could not write the message.";

    /// <summary>The code of what its caller has called off.</summary>
    public const string CancelledByCaller = "cancelled_by_caller";

    /// <summary>The same in a sentence.</summary>
    public const string CancelledByCallerSentence = "The caller has cancelled the message.";

    /// <summary>The code of what was handed over while nothing is sent, because something must be mended first.</summary>
    public const string SendingStopped = "sending_stopped";

    /// <summary>The same in a sentence.</summary>
    public const string SendingStoppedSentence = "Sending is stopped until a fault of the provider's or of its settings is mended; see /health.";

    /// <summary>The code of what was handed over to another program.</summary>
    public const string ExternalSender = "external_sender";

    /// <summary>The same in a sentence.</summary>
    public const string ExternalSenderSentence = "Another program sends the messages, and has not taken this one yet.";

    /// <summary>The code of the rule.</summary>
    public static string Code(this Hold hold) => hold switch
    {
        Hold.SequenceUnfinished => "sequence_unfinished",
        Hold.NotBefore => "not_before",
        Hold.Cooldown => "cooldown",
        Hold.HourlyLimit => "hourly_limit_reached",
        Hold.DailyLimit => "daily_limit_reached",
        Hold.QuietHours => "quiet_hours",
        Hold.QueueBusy => "queue_busy",
        Hold.BestTime => "best_time",
        _ => throw new ArgumentOutOfRangeException(nameof(hold), hold, message: null),
    };

    /// <summary>The rule in a sentence.</summary>
    public static string Sentence(this Hold hold) => hold switch
    {
        Hold.SequenceUnfinished => "Other messages of the sequence have not arrived yet.",
        Hold.NotBefore => "It waits for the time it was scheduled for.",
        Hold.Cooldown => "Another message goes to the user less than 30 seconds before or after.",
        Hold.HourlyLimit => "What was delivered to the user, or goes first, uses up the hourly limit.",
        Hold.DailyLimit => "What was delivered to the user, or goes first, uses up the daily limit.",
        Hold.QuietHours => "It waits for the end of the user's quiet hours.",
        Hold.QueueBusy => "A low-priority message waits while messages of higher priority are waiting.",
        Hold.BestTime => "It waits for an hour at which the user usually answers.",
        _ => throw new ArgumentOutOfRangeException(nameof(hold), hold, message: null),
    };

    /// <summary>The code of the failure.</summary>
    public static string Code(this Failure failure) => failure switch
    {
        Failure.UserNotFound => "user_not_found",
        Failure.NoPhoneNumber => "no_phone_number",
        Failure.OptedOut => "opted_out",
        Failure.ConversationNotFound => "conversation_not_found",
        Failure.NoContent => "no_content",
        Failure.SequenceIncomplete => "sequence_incomplete",
        Failure.Rejected => "rejected",
        _ => throw new ArgumentOutOfRangeException(nameof(failure), failure, message: null),
    };

    /// <summary>The failure in a sentence.</summary>
    public static string Sentence(this Failure failure) => failure switch
    {
        Failure.UserNotFound => "The user does not exist any more.",
        Failure.NoPhoneNumber => "The user has no phone number.",
        Failure.OptedOut => "The user has opted out.",
        Failure.ConversationNotFound => "The conversation of the message does not exist any more.",
        Failure.NoContent => "The message has no content, and there is nothing to write it from, or was no model for a day.",
        Failure.SequenceIncomplete => "Other messages of the sequence did not arrive in time.",
        Failure.Rejected => "The database refused the delivery of this message.",
        _ => throw new ArgumentOutOfRangeException(nameof(failure), failure, message: null),
    };

    /// <summary>The sentence of any code; null for a null or unknown one, and for a delivery, which needs none.</summary>
    public static string? SentenceOf(string? code) => code is null ? null : Sentences.GetValueOrDefault(code);

    /// <summary>The same of what waits until <paramref name="until"/>, where it may be that it expires then. Null as above.</summary>
    public static string? SentenceOf(string? code, Instant until, Instant? expiresAt) =>
        SentenceOf(code) is { } sentence && Holds.Contains(code!) && expiresAt <= until ? ThatExpires(sentence) : SentenceOf(code);

    /// <summary>What holds back a message that expires before every rule allows it.</summary>
    internal static string ThatExpires(string sentence) => $"{sentence} It expires before it may go.";
}
