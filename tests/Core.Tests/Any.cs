using CsCheck;

namespace Orchestrator.Core.Tests;

/// <summary>Random people, rules and messages, all times on the grid of <see cref="PlainRules"/>.</summary>
internal static class Any
{
    private static readonly string[] Zones =
    [
        "UTC", "America/New_York", "America/Nuuk", "America/Havana", "Asia/Kathmandu", "Asia/Beirut", "Africa/Cairo", "Africa/Casablanca",
        "Australia/Lord_Howe", "Antarctica/Troll", "Pacific/Auckland", "Pacific/Kiritimati", "Europe/London", "America/Sao_Paulo",
    ];

    public static readonly Gen<Lane> Lane = Gen.Enum<Lane>();

    /// <summary>Some instant of the years 2024 to 2027, every other one on a day on which the zone's clocks change.</summary>
    public static Gen<Instant> Now(DateTimeZone zone) => Gen.Select(
        Seconds(0, 4 * 365 * 24 * 60 * 60), Seconds(-24 * 60 * 60, 6 * 60 * 60), Gen.Bool, (anywhere, near, byAChange) =>
        {
            var at = Some.Utc("2024-01-01T00:00:00") + anywhere;
            var interval = zone.GetZoneInterval(at);
            return byAChange && interval.HasEnd ? interval.End + near : at;
        });

    public static readonly Gen<DeliveryRules> Rules = Gen.Select(Gen.Bool, Limit(4), Limit(6), (urgentIgnoresQuietHours, hourly, daily) =>
        new DeliveryRules { UrgentIgnoresQuietHours = urgentIgnoresQuietHours, HourlyLimit = hourly, DailyLimit = daily });

    public static Gen<Recipient> Recipient(DateTimeZone zone, Instant now) =>
        from quiet in OrNone(Gen.Select(TimeOfDay, TimeOfDay, (start, end) => new QuietHours(start, end)))
        from hourly in Limit(4)
        from daily in Limit(6)
        from inbound in OrNone(Seconds(-700, 0))
        from higherLaneWaiting in Gen.Frequency((3, false), (1, true))
        from recent in Seconds(-4200, 20).List[0, 6]
        from earlier in Seconds(-2 * 24 * 60 * 60, -4200).List[0, 3]
        select Some.Recipient with
        {
            Zone = zone,
            QuietHours = quiet,
            HourlyLimit = hourly,
            DailyLimit = daily,
            LastInboundAt = now + inbound,
            HasHigherLaneWaiting = higherLaneWaiting,
            History = (Some.Recipient with { Zone = zone }).WhoGotOnesAt(recent.Concat(earlier).Select(ago => now + ago)).History,
        };

    /// <summary>A message due at that instant, of which anything may be true.</summary>
    public static Gen<QueuedMessage> Message(Instant now) =>
        from lane in Lane
        from age in Seconds(-30 * 60 * 60, 0)
        from due in Seconds(-600, 0)
        from notBefore in Seldom(Seconds(-3600, 3 * 60 * 60))
        from expires in Seldom(Seconds(-600, 20 * 60 * 60))
        from best in OrNone(Seconds(-3600, 24 * 60 * 60))
        from canDelay in Gen.Bool
        from hasContent in Gen.Frequency((9, true), (1, false))
        select Some.Message with
        {
            Lane = lane,
            CreatedAt = now + age,
            ScheduledFor = now + due,
            NotBefore = now + notBefore,
            ExpiresAt = now + expires,
            BestAt = now + best,
            CanDelay = canDelay,
            HasContent = hasContent,
        };

    public static readonly Gen<DateTimeZone> Zone = Gen.OneOf(Zones).Select(id => DateTimeZoneProviders.Tzdb[id]);

    public static Gen<QueuedMessage[]> Messages(Gen<QueuedMessage> message, int from, int to) =>
        message.Array[from, to].Select(messages => messages.Select((m, index) => m.Numbered(index + 1)).ToArray());

    public static Gen<Duration> Seconds(int from, int to) =>
        Gen.Int[from / PlainRules.Grid, to / PlainRules.Grid].Select(steps => Duration.FromSeconds(steps * PlainRules.Grid));

    private static Gen<LocalTime> TimeOfDay => Gen.Int[0, 24 * 4 - 1].Select(quarters => LocalTime.Midnight.PlusMinutes(15 * quarters));

    private static Gen<int?> Limit(int most) => OrNone(Gen.Int[1, most]);

    private static Gen<T?> OrNone<T>(Gen<T> some)
        where T : struct => Gen.Select(Gen.Bool, some, (isThere, value) => isThere ? value : (T?)null);

    private static Gen<T?> Seldom<T>(Gen<T> some)
        where T : struct => Gen.Select(Gen.Int[1, 5], some, (n, value) => n == 1 ? value : (T?)null);
}
