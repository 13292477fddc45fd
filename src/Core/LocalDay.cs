using NodaTime;

namespace Orchestrator.Core;

/// <summary>The calendar day of a person's own zone, in which the daily limit counts.</summary>
public static class LocalDay
{
    /// <summary>The local date at the instant.</summary>
    public static LocalDate Of(Instant at, DateTimeZone zone) => at.InZone(zone).Date;

    /// <summary>
    /// The first instant after <paramref name="at"/> with a later local date. Right where midnight is skipped (the day starts
    /// when the gap ends), where it comes twice, and where the zone leaves out a whole day.
    /// </summary>
    public static Instant NextStart(Instant at, DateTimeZone zone)
    {
        var midnight = Of(at, zone).PlusDays(1).AtMidnight();
        var mapping = zone.MapLocal(midnight);
        if (mapping.Count == 0)
            return mapping.LateInterval.Start;

        var first = mapping.First().ToInstant();
        return first > at ? first : mapping.Last().ToInstant();
    }
}
