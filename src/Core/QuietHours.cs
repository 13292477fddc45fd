using NodaTime;

namespace Orchestrator.Core;

/// <summary>
/// The daily interval [<paramref name="Start"/>, <paramref name="End"/>) of local time in which nobody is written to.
/// Start after end wraps midnight; start equal to end means none. Quiet is a property of the local time at an instant,
/// so it follows the wall clock through every change of the zone's offset.
/// </summary>
/// <param name="Start">The first quiet local time.</param>
/// <param name="End">The first local time that is quiet no more.</param>
public readonly record struct QuietHours(LocalTime Start, LocalTime End)
{
    /// <summary>No quiet hours at all.</summary>
    public static QuietHours None => default;

    /// <summary>Whether the local time lies in the interval.</summary>
    public bool Contains(LocalTime time) => Start <= End ? Start <= time && time < End : time >= Start || time < End;

    /// <summary>Whether it is quiet in the zone at the instant.</summary>
    public bool AreOn(Instant at, DateTimeZone zone) => Start != End && Contains(at.InZone(zone).TimeOfDay);

    /// <summary>The first instant at or after <paramref name="from"/> whose local time is outside the interval.</summary>
    public Instant FirstOutside(Instant from, DateTimeZone zone)
    {
        var at = from;
        while (AreOn(at, zone))
        {
            // Within one zone interval the offset is constant, so the wall clock reaches End in a straight line; where a
            // change of offset comes first, the question is asked again on its other side.
            var interval = zone.GetZoneInterval(at);
            var end = NextEnd(at, interval.WallOffset);
            at = interval.HasEnd ? Instant.Min(end, interval.End) : end;
        }

        return at;
    }

    /// <summary>
    /// The first instant at or after <paramref name="from"/> whose local time is inside the interval. Not for <see cref="None"/>, which has no inside.
    /// </summary>
    public Instant FirstInside(Instant from, DateTimeZone zone) => new QuietHours(End, Start).FirstOutside(from, zone);

    private Instant NextEnd(Instant at, Offset offset)
    {
        var local = at.WithOffset(offset).LocalDateTime;
        var end = local.Date.At(End);
        return (end > local ? end : end.PlusDays(1)).WithOffset(offset).ToInstant();
    }
}
