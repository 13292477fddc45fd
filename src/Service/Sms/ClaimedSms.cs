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

    /// <summary>Empty where the row is gone.</summary>
    public required string Status { get; init; }

    public required string Content { get; init; }

    public int Attempts { get; init; }

    /// <summary>What last kept it from the phone; null: nothing has.</summary>
    public string? Error { get; init; }

    public Instant? ErrorAt { get; init; }

    public string? PhoneNumber { get; init; }

    public string? Priority { get; init; }

    public Instant? ExpiresAt { get; init; }

    /// <summary>How many stops in a row there have been.</summary>
    public int Stops { get; init; }

    /// <summary>When sending last went on after a stop.</summary>
    public Instant? ResumedAt { get; init; }

    public PendingSms ToPendingSms() => new(Lanes.Parse(Priority), ExpiresAt, PhoneNumber is not null);
}

/// <summary>A claimed message and its recipient as the rules see them.</summary>
/// <param name="Turn">The message.</param>
/// <param name="Recipient">Whose it is; null: the user is gone.</param>
/// <param name="Claim">The claim that this instance holds.</param>
/// <param name="ClaimedAt">When, by the database's clock.</param>
internal sealed record ClaimedSms(TurnRow Turn, Recipient? Recipient, Guid Claim, Instant ClaimedAt);

/// <summary>What became of messages that the sender was busy with.</summary>
/// <param name="Sent">Taken by the provider.</param>
/// <param name="Waiting">Tried again later, or not known yet.</param>
/// <param name="Ended">Never to be sent: failed, expired, cancelled meanwhile.</param>
public readonly record struct SendResult(int Sent, int Waiting, int Ended)
{
    /// <summary>All of them.</summary>
    public int Handled => Sent + Waiting + Ended;

    /// <summary>Both results together.</summary>
    public static SendResult operator +(SendResult left, SendResult right) =>
        new(left.Sent + right.Sent, left.Waiting + right.Waiting, left.Ended + right.Ended);
}
