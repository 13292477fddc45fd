using NodaTime;

namespace Orchestrator.Core;

/// <summary>Finds the hour at which a person is likely to answer.</summary>
public static class BestTime
{
    /// <summary>How many inbound messages must be known before hours are learned from them.</summary>
    public const int EnoughToLearn = 20;

    /// <summary>How many hours of the day are learned at most.</summary>
    private const int HoursLearned = 3;

    /// <summary>
    /// The local hours (0–23) at which the person has mostly written: up to three, each holding at least a tenth of the
    /// messages. Empty where fewer than <see cref="EnoughToLearn"/> are known.
    /// </summary>
    public static IReadOnlyList<int> LearnHours(IReadOnlyCollection<Instant> inbound, DateTimeZone zone)
    {
        if (inbound.Count < EnoughToLearn)
            return [];

        return
        [
            .. inbound.CountBy(at => at.InZone(zone).Hour)
                .Where(hour => hour.Value * 10 >= inbound.Count)
                .OrderByDescending(hour => hour.Value).ThenBy(hour => hour.Key)
                .Take(HoursLearned)
                .Select(hour => hour.Key),
        ];
    }

    /// <summary>
    /// The first instant at or after <paramref name="from"/> that lies in one of the local hours and outside quiet hours;
    /// null where that is <paramref name="from"/> itself, where there are no hours, or where none comes within
    /// <see cref="DeliveryRules.LongestDelay"/>.
    /// </summary>
    /// <param name="from">The first instant at which the message could go.</param>
    /// <param name="hours">Local hours, 0–23, in any order; others are ignored.</param>
    /// <param name="recipient">Whose zone and quiet hours count.</param>
    /// <param name="rules">The rules.</param>
    public static Instant? Choose(Instant from, IReadOnlyCollection<int> hours, Recipient recipient, DeliveryRules rules)
    {
        var quiet = recipient.QuietHours ?? rules.QuietHours;
        var latest = from + rules.LongestDelay;

        for (var at = from; at <= latest;)
        {
            var local = at.InZone(recipient.Zone);
            if (!hours.Contains(local.Hour))
                at = NextHour(at, recipient.Zone);
            else if (quiet.AreOn(at, recipient.Zone))
                at = quiet.FirstOutside(at, recipient.Zone);
            else
                return at == from ? null : at;
        }

        return null;
    }

    /// <summary>The first later instant at which the wall clock shows another hour, or the same hour once more.</summary>
    private static Instant NextHour(Instant at, DateTimeZone zone)
    {
        var interval = zone.GetZoneInterval(at);
        var local = at.WithOffset(interval.WallOffset).LocalDateTime;
        var next = local.With(TimeAdjusters.TruncateToHour).PlusHours(1).WithOffset(interval.WallOffset).ToInstant();
        return interval.HasEnd ? Instant.Min(next, interval.End) : next;
    }
}
