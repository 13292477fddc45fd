using NodaTime;

namespace Orchestrator.Core;

/// <summary>What is to become of a due message. The set is closed.</summary>
public abstract record Decision
{
    private Decision()
    {
    }

    /// <summary>Hand it over now.</summary>
    public sealed record Deliver : Decision
    {
        /// <summary>The only instance.</summary>
        public static Deliver Now { get; } = new();
    }

    /// <summary>It would go now, but a model must write or judge it first; then it is decided again.</summary>
    public sealed record Render : Decision
    {
        /// <summary>The only instance.</summary>
        public static Render Now { get; } = new();
    }

    /// <summary>Hold it back and decide again at <paramref name="Until"/>.</summary>
    /// <param name="By">Of the rules that hold it back one after another, the one that does so the longest; the caller's own time only where no other does.</param>
    /// <param name="Until">The first instant at which every rule allows it, or at which it expires if that comes first.</param>
    /// <param name="Expires">Whether it expires first; false where nobody knows, because messages of its sequence are missing.</param>
    public sealed record Defer(Hold By, Instant Until, bool Expires = false) : Decision
    {
        /// <summary>What holds it back, in a sentence.</summary>
        public string Sentence => Expires ? Reasons.ThatExpires(By.Sentence()) : By.Sentence();
    }

    /// <summary>Its <c>expiresAt</c> has passed: it is never delivered.</summary>
    public sealed record Expire : Decision
    {
        /// <summary>The only instance.</summary>
        public static Expire Now { get; } = new();
    }

    /// <summary>It can never be delivered.</summary>
    /// <param name="Because">Why.</param>
    public sealed record Fail(Failure Because) : Decision;

    /// <summary>Another message of its sequence has ended without being delivered: it is called off.</summary>
    public sealed record Cancel : Decision
    {
        /// <summary>The only instance.</summary>
        public static Cancel Now { get; } = new();
    }
}

/// <summary>The rules that hold a message back for a while, in the order in which they are asked.</summary>
public enum Hold
{
    /// <summary>Other messages of its sequence have not arrived.</summary>
    SequenceUnfinished,

    /// <summary>The caller's <c>scheduledFor</c> has not come.</summary>
    NotBefore,

    /// <summary>The person got something less than 30 seconds ago.</summary>
    Cooldown,

    /// <summary>The person's deliveries of the last 60 minutes are used up.</summary>
    HourlyLimit,

    /// <summary>The person's deliveries of the local day are used up.</summary>
    DailyLimit,

    /// <summary>It is night where the person is.</summary>
    QuietHours,

    /// <summary>A low message, and higher lanes are waiting.</summary>
    QueueBusy,

    /// <summary>The person answers at another hour.</summary>
    BestTime,
}

/// <summary>Why a message can never be delivered.</summary>
public enum Failure
{
    /// <summary>There is no such user any more.</summary>
    UserNotFound,

    /// <summary>No phone number is known.</summary>
    NoPhoneNumber,

    /// <summary>The person asked to get nothing more.</summary>
    OptedOut,

    /// <summary>The conversation the message belongs to has vanished.</summary>
    ConversationNotFound,

    /// <summary>There is no text to deliver, and nothing to write one from the structured data.</summary>
    NoContent,

    /// <summary>The other messages of its sequence did not arrive in time.</summary>
    SequenceIncomplete,

    /// <summary>The database refuses this one message, whatever is tried.</summary>
    Rejected,
}
