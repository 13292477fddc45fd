namespace Orchestrator.Core.Tests;

/// <summary>
/// The rules of delivery told a second time, as plainly as possible: at each instant every rule is asked, and the next slot
/// is looked for by trying one instant after the other. Core's answers are compared with these.
/// </summary>
/// <param name="recipient">The person; with limits above nought, or the search would not end.</param>
/// <param name="rules">The rules for everyone.</param>
/// <param name="higherLanesDue">How many messages of higher lanes are due.</param>
internal sealed class PlainRules(Recipient recipient, DeliveryRules rules, int higherLanesDue = 0)
{
    /// <summary>Ten seconds: all times it is given must be multiples of it, and then all slots are.</summary>
    public const int Grid = 10;

    private const long Day = 24 * 60 * 60;

    private const long Hour = 60 * 60;

    private static readonly LocalDate Epoch = new(1970, 1, 1);

    private static readonly Hold[] InOrder = [Hold.NotBefore, Hold.Cooldown, Hold.HourlyLimit, Hold.DailyLimit, Hold.QuietHours, Hold.BestTime];

    /// <summary>In seconds, as all that is asked of them: millions of instants are tried.</summary>
    private readonly List<long> _deliveries = [.. recipient.History.Recent.Select(at => at.ToUnixTimeSeconds())];

    private readonly Dictionary<long, int> _perDay =
        recipient.History.PerDay.ToDictionary(day => (long)Period.DaysBetween(Epoch, day.Key), day => day.Value);

    public void Delivered(Instant at)
    {
        _deliveries.Add(at.ToUnixTimeSeconds());
        var day = LocalSeconds(at).Day;
        _perDay[day] = _perDay.GetValueOrDefault(day) + 1;
    }

    public Decision Decide(QueuedMessage message, Instant now)
    {
        if (message.ExpiresAt <= now)
            return Decision.Expire.Now;
        if (!recipient.HasPhoneNumber)
            return new Decision.Fail(Failure.NoPhoneNumber);
        if (recipient.OptedOut)
            return new Decision.Fail(Failure.OptedOut);
        if (!message.HasContent)
            return new Decision.Fail(Failure.NoContent);

        Hold? told = null;
        var longest = Duration.Zero;
        var at = now;
        while (WhatHoldsFor(message, at, now) is { } hold)
        {
            var until = at + Duration.FromSeconds(Grid);
            while (hold == Hold.QueueBusy ? until < PutOffUntil(message, now) : Holds(hold, message, until))
                until += Duration.FromSeconds(Grid);
            if (told is null || (hold != Hold.NotBefore && until - at > longest))
                (told, longest) = (hold, hold == Hold.NotBefore ? Duration.Zero : until - at);
            at = until;
        }

        if (message.ExpiresAt <= at)
            return new Decision.Defer(told!.Value, message.ExpiresAt.Value, Expires: true);

        Delivered(at);
        return told is null ? Decision.Deliver.Now : new Decision.Defer(told.Value, at);
    }

    /// <summary>Takes the slot that a waiting message will get.</summary>
    public void Reserve(QueuedMessage message, Instant now)
    {
        if (!recipient.HasPhoneNumber || recipient.OptedOut || !message.HasContent)
            return;

        var at = Instant.Max(now, message.ScheduledFor);
        while (WhatHoldsFor(message, at, now) is { } hold)
            at = hold == Hold.QueueBusy ? PutOffUntil(message, now) : at + Duration.FromSeconds(Grid);
        if (!(message.ExpiresAt <= at))
            Delivered(at);
    }

    /// <summary>The first rule that holds the message back at any instant, now or later.</summary>
    public Hold? WhatHolds(QueuedMessage message, Instant at)
    {
        foreach (var hold in InOrder)
        {
            if (Holds(hold, message, at))
                return hold;
        }

        return null;
    }

    private Hold? WhatHoldsFor(QueuedMessage message, Instant at, Instant now) =>
        WhatHolds(message, at) is { } hold and not Hold.BestTime ? hold
        : at == now && IsPutOff(message, now) ? Hold.QueueBusy
        : WhatHolds(message, at);

    private bool Holds(Hold hold, QueuedMessage message, Instant at)
    {
        var active = at < recipient.LastInboundAt + Duration.FromMinutes(10);
        var second = at.ToUnixTimeSeconds();
        return hold switch
        {
            Hold.NotBefore => at < message.NotBefore,
            Hold.Cooldown => _deliveries.Exists(delivery => Math.Abs(delivery - second) < 30),
            Hold.HourlyLimit => !active && (recipient.HourlyLimit ?? rules.HourlyLimit) is { } hourly
                && (InTheHourUntil(second) >= hourly || _deliveries.Exists(end => IsWithinAnHour(second, end) && InTheHourUntil(end) >= hourly)),
            Hold.DailyLimit => (recipient.DailyLimit ?? rules.DailyLimit) is { } daily && _perDay.GetValueOrDefault(LocalSeconds(at).Day) >= daily,
            Hold.QuietHours => !active && !(rules.UrgentIgnoresQuietHours && message.Lane == Lane.Urgent) && IsQuiet(LocalSeconds(at).SecondOfDay),
            Hold.BestTime => !active && message.CanDelay && message.Lane is Lane.Medium or Lane.Low && at < message.BestAt,
            _ => false,
        };
    }

    /// <summary>Whether the low lane is put off, which is asked of the present only: nobody can tell how busy it will be.</summary>
    private bool IsPutOff(QueuedMessage message, Instant now) =>
        message.Lane == Lane.Low && message.CanDelay && now < FullyWaited(message) && (higherLanesDue > rules.BusyAbove || recipient.HasHigherLaneWaiting);

    private int InTheHourUntil(long end)
    {
        var deliveries = 0;
        foreach (var delivery in _deliveries)
        {
            if (IsWithinAnHour(delivery, end))
                deliveries++;
        }

        return deliveries;
    }

    private static bool IsWithinAnHour(long earlier, long later) => earlier <= later && later - earlier < Hour;

    private static Instant FullyWaited(QueuedMessage message) =>
        (message.NotBefore > message.CreatedAt ? message.NotBefore.Value : message.CreatedAt) + Duration.FromHours(24);

    private static Instant PutOffUntil(QueuedMessage message, Instant now)
    {
        var fiveMinutes = now + Duration.FromMinutes(5);
        return fiveMinutes < FullyWaited(message) ? fiveMinutes : FullyWaited(message);
    }

    private bool IsQuiet(long secondOfDay)
    {
        var quiet = recipient.QuietHours ?? rules.QuietHours;
        var start = quiet.Start.TickOfDay / NodaConstants.TicksPerSecond;
        var end = quiet.End.TickOfDay / NodaConstants.TicksPerSecond;
        return start < end ? start <= secondOfDay && secondOfDay < end : start > end && (secondOfDay >= start || secondOfDay < end);
    }

    private (long Day, long SecondOfDay) LocalSeconds(Instant at)
    {
        var day = Math.DivRem(at.ToUnixTimeSeconds() + recipient.Zone.GetUtcOffset(at).Seconds, Day, out var second);
        return (day, second);
    }
}
