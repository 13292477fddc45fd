using NodaTime.TimeZones;

namespace Orchestrator.Core.Tests;

/// <summary>
/// The time around every change of the clocks, in every zone of tzdb: from 2015 to 2028, and from 1990 for zones that have
/// done something remarkable; one ordinary week for zones that change nothing.
/// </summary>
internal static class EveryZone
{
    private const int HoursBefore = 13;
    private const int HoursAfter = 11;

    /// <summary>So that whatever is asked in the day around the change has its answer within the days covered.</summary>
    private const int HoursToAnswer = 28;

    private static readonly HashSet<string> Remarkable = new(StringComparer.Ordinal)
    {
        "Pacific/Apia", // left out 30 December 2011
        "Pacific/Kwajalein", // left out 21 August 1993
        "Pacific/Kiritimati", // left out 1 January 1995
        "Pacific/Fakaofo",
        "Asia/Kathmandu",
        "Asia/Pyongyang",
        "America/Caracas",
        "Australia/Lord_Howe", // half an hour of summer time
        "Antarctica/Troll", // two hours of it
        "Antarctica/Casey",
        "Africa/Casablanca", // winter time during Ramadan
        "Africa/El_Aaiun",
        "Africa/Cairo", // changes at midnight, as the following do or did
        "America/Nuuk",
        "America/Sao_Paulo",
        "America/Havana",
        "America/St_Johns",
        "America/Asuncion",
        "Asia/Beirut",
        "Asia/Amman",
        "Asia/Gaza",
        "Asia/Tehran",
        "Atlantic/Azores",
    };

    /// <summary>The wall clocks; lazily, for there are thousands.</summary>
    /// <remarks>Ids that are other names of a zone (as Asia/Katmandu is of Asia/Kathmandu) are covered by it.</remarks>
    public static IEnumerable<WallClock> WallClocks()
    {
        var number = 0;
        foreach (var id in DateTimeZoneProviders.Tzdb.Ids.Where(IsNoAlias))
        {
            var zone = DateTimeZoneProviders.Tzdb[id];
            var from = Remarkable.Contains(id) ? Some.Utc("1990-01-01T00:00:00") : Some.Utc("2015-01-01T00:00:00");
            var changes = zone.GetZoneIntervals(from, Some.Utc("2029-01-01T00:00:00"))
                .Where(interval => interval.HasStart && interval.Start > from).Select(interval => interval.Start).ToList();
            if (changes.Count == 0)
                changes.Add(Some.Noon);

            foreach (var change in changes)
                yield return new WallClock(number++, zone, change - Duration.FromHours(HoursBefore), (HoursBefore + HoursAfter + HoursToAnswer) * 60);
        }
    }

    /// <summary>
    /// Minutes to start from: each one next to the change, and every so many in the day around it. They begin at another
    /// minute for each change, so that over all zones every time of day is met.
    /// </summary>
    public static IEnumerable<int> Probes(this WallClock wall, int every)
    {
        for (var minute = HoursBefore * 60 - 2; minute < HoursBefore * 60 + 2; minute++)
            yield return minute;

        for (var minute = wall.Number * 7 % every; minute < (HoursBefore + HoursAfter) * 60; minute += every)
            yield return minute;
    }

    private static bool IsNoAlias(string id) =>
        !TzdbDateTimeZoneSource.Default.CanonicalIdMap.TryGetValue(id, out var canonical) || canonical == id;
}
