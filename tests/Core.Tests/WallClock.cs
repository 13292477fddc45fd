namespace Orchestrator.Core.Tests;

/// <summary>
/// What the clock on a wall shows over some days, minute by minute: the brute force that the answers of Core are compared
/// with. It asks the zone for nothing but its offset and does the rest in plain arithmetic.
/// </summary>
/// <remarks>
/// A minute is fine enough: in the years covered all offsets and all changes fall on whole minutes, which is checked, and so
/// do quiet hours.
/// </remarks>
internal sealed class WallClock
{
    private const int MinutesPerDay = 24 * 60;

    private readonly long _firstMinute;
    private readonly int[] _minuteOfDay;
    private readonly int[] _day;

    public WallClock(int number, DateTimeZone zone, Instant from, int minutes)
    {
        Number = number;
        Zone = zone;
        _firstMinute = from.ToUnixTimeSeconds() / 60;
        _minuteOfDay = new int[minutes];
        _day = new int[minutes];
        var hasSeconds = false;
        for (var i = 0; i < minutes; i++)
        {
            var offset = zone.GetUtcOffset(StartOf(i)).Seconds;
            hasSeconds |= offset % 60 != 0;
            var local = _firstMinute + i + offset / 60;
            _day[i] = (int)Math.DivRem(local, MinutesPerDay, out var minuteOfDay);
            _minuteOfDay[i] = (int)minuteOfDay;
        }

        hasSeconds.ShouldBeFalse($"an offset of {Zone.Id}");
    }

    /// <summary>Counts the wall clocks.</summary>
    public int Number { get; }

    public DateTimeZone Zone { get; }

    public int Minutes => _day.Length;

    /// <summary>The instant at which the minute begins.</summary>
    public Instant StartOf(int minute) => Instant.FromUnixTimeSeconds((_firstMinute + minute) * 60);

    public int HourAt(int minute) => _minuteOfDay[minute] / 60;

    /// <summary>Whether the wall shows a time in [start, end), both in minutes since midnight.</summary>
    public bool IsQuiet(int minute, int start, int end)
    {
        var time = _minuteOfDay[minute];
        return start < end ? start <= time && time < end : start > end && (time >= start || time < end);
    }

    /// <summary>The first minute after this one that belongs to a later date; null where the days covered hold none.</summary>
    public int? NextDay(int minute)
    {
        for (var next = minute + 1; next < Minutes; next++)
        {
            if (_day[next] > _day[minute])
                return next;
        }

        return null;
    }

    /// <summary>For each minute the first one, itself or later, that is allowed; the number of minutes where none is.</summary>
    public int[] FirstAllowed(Func<int, bool> isAllowed)
    {
        var first = new int[Minutes + 1];
        first[Minutes] = Minutes;
        for (var i = Minutes - 1; i >= 0; i--)
            first[i] = isAllowed(i) ? i : first[i + 1];
        return first;
    }

    public override string ToString() => $"{Zone.Id} from {StartOf(0)}";
}
