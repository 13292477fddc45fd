using System.Diagnostics;
using NodaTime;
using Orchestrator.Core;

namespace Orchestrator.Service.Sms;

/// <summary>A row of LoadTurns: a message whose turn it is.</summary>
internal sealed record TurnRow
{
    public required string UserId { get; init; }

    public Guid MessageId { get; init; }

    /// <summary>When a request went out whose outcome is unknown; null: there is none such.</summary>
    public Instant? RequestedAt { get; init; }

    /// <summary>Until when this instance has the turn to itself.</summary>
    public Instant LeaseEnd { get; init; }

    /// <summary>Empty where the row is gone.</summary>
    public required string Status { get; init; }

    public required string Content { get; init; }

    /// <summary>How many requests there have been.</summary>
    public int Attempts { get; init; }

    /// <summary>How many of them count as tries.</summary>
    public int Tries { get; init; }

    /// <summary>What last kept it from the phone; null: nothing has.</summary>
    public string? Error { get; init; }

    public Instant? ErrorAt { get; init; }

    public string? PhoneNumber { get; init; }

    public string? Priority { get; init; }

    public Instant? ExpiresAt { get; init; }

    /// <summary>Whether sending is stopped, and the message is tried to see whether it works again.</summary>
    public bool SendingIsStopped { get; init; }

    /// <summary>How many stops in a row there have been.</summary>
    public int Stops { get; init; }

    /// <summary>When sending last went on after a stop.</summary>
    public Instant? ResumedAt { get; init; }

    /// <summary>On whose account the last request was made; null: there was none, or an earlier version made it and did not keep that.</summary>
    public string? RequestedAccount { get; init; }

    public string? RequestedSender { get; init; }

    public string? RequestedRecipient { get; init; }

    /// <summary>When the last request was made, where it counts as not taken because the provider showed nothing; null: no such request.</summary>
    public Instant? UnfoundSince { get; init; }

    /// <summary>When it came to count so; null: it does not.</summary>
    public Instant? NotTakenAt { get; init; }

    /// <summary>Whether a request went out whose outcome nobody has recorded, by this service or by hand.</summary>
    public bool IsUnsettled => RequestedAt is not null && Status is "sending" or "pending";

    public PendingSms ToPendingSms() => new(Lanes.Parse(Priority), ExpiresAt, PhoneNumber is not null);

    /// <summary>Without the text and the number.</summary>
    public override string ToString() => $"Message {MessageId} of user {UserId}";
}

/// <summary>A claimed message and its recipient as the rules see them.</summary>
/// <param name="Turn">The message.</param>
/// <param name="Recipient">Whose it is; null: the user is gone.</param>
/// <param name="Claim">The claim that this instance holds.</param>
/// <param name="ClaimedAt">When, by the database's clock.</param>
internal sealed record ClaimedSms(TurnRow Turn, Recipient? Recipient, Guid Claim, Instant ClaimedAt)
{
    /// <summary>The trace of the message; default: none, or nobody listens.</summary>
    public ActivityContext Trace { get; init; }
}

/// <summary>Why and until when a message that was not taken waits.</summary>
/// <param name="Code">The provider's code, or a word of this service's own.</param>
/// <param name="Reason">The same in a sentence.</param>
/// <param name="Until">When it is looked at again.</param>
/// <param name="CountsAsTry">False where a request was made and failed by a fault that every message meets.</param>
internal sealed record SmsWait(string Code, string Reason, Instant Until, bool CountsAsTry = true);
