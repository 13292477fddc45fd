using NodaTime;

namespace Orchestrator.Core;

/// <summary>The numbers of the delivery rules: what holds for everyone who has nothing of their own.</summary>
public sealed record DeliveryRules
{
    /// <summary>At most one delivery per user in any such span. No lane and no exception lifts it.</summary>
    public Duration Cooldown { get; init; } = Duration.FromSeconds(30);

    /// <summary>Deliveries per user in any 60 minutes; null: no limit.</summary>
    public int? HourlyLimit { get; init; }

    /// <summary>Deliveries per user and local calendar day; null: no limit.</summary>
    public int? DailyLimit { get; init; }

    /// <summary>The quiet hours of users who have set none.</summary>
    public QuietHours QuietHours { get; init; } = new(new LocalTime(22, 0), new LocalTime(8, 0));

    /// <summary>Whether the urgent lane is exempt from quiet hours.</summary>
    public bool UrgentIgnoresQuietHours { get; init; }

    /// <summary>How long after an inbound message its user counts as active.</summary>
    public Duration ActiveFor { get; init; } = Duration.FromMinutes(10);

    /// <summary>The queue is busy when more messages than this of higher lanes are due.</summary>
    public int BusyAbove { get; init; } = 100;

    /// <summary>How far a low message is put off each time the queue is busy.</summary>
    public Duration LowDeferral { get; init; } = Duration.FromMinutes(5);

    /// <summary>How long a sequence may wait for its missing messages, from its first one on.</summary>
    public Duration CompleteWithin { get; init; } = Duration.FromHours(24);

    /// <summary>How far best time may be away, and how long a low message is put off at most.</summary>
    public Duration LongestDelay { get; init; } = Duration.FromHours(24);
}
