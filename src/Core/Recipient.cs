using NodaTime;

namespace Orchestrator.Core;

/// <summary>What the rules need to know of the person a message is for.</summary>
public sealed record Recipient
{
    /// <summary>Whether a phone number is known.</summary>
    public bool HasPhoneNumber { get; init; } = true;

    /// <summary>Whether the person asked to get nothing more.</summary>
    public bool OptedOut { get; init; }

    /// <summary>The person's own time zone, or the configured default.</summary>
    public required DateTimeZone Zone { get; init; }

    /// <summary>The person's own quiet hours; null: the default ones. <see cref="Core.QuietHours.None"/> when switched off.</summary>
    public QuietHours? QuietHours { get; init; }

    /// <summary>The person's own hourly limit; null: the configured one.</summary>
    public int? HourlyLimit { get; init; }

    /// <summary>The person's own daily limit; null: the configured one.</summary>
    public int? DailyLimit { get; init; }

    /// <summary>When the person last wrote; null: never.</summary>
    public Instant? LastInboundAt { get; init; }

    /// <summary>What has been delivered lately.</summary>
    public DeliveryHistory History { get; init; } = DeliveryHistory.Empty;

    /// <summary>Whether a message of a higher lane than low is waiting for this person.</summary>
    public bool HasHigherLaneWaiting { get; init; }

    /// <summary>The first instant at which the person no longer counts as active; null: the person never wrote.</summary>
    public Instant? ActiveUntil(DeliveryRules rules) => LastInboundAt + rules.ActiveFor;

    /// <summary>Whether the person has written within the last minutes, and so may be answered at any hour.</summary>
    public bool IsActive(Instant at, DeliveryRules rules) => at < ActiveUntil(rules);
}
