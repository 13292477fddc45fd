namespace Orchestrator.Core.Tests;

public sealed class LocalDayTests
{
    private static Instant NextStart(string utc, string zone) => LocalDay.NextStart(Some.Utc(utc), Some.Zone(zone));

    [Fact]
    public void The_day_is_that_of_the_zone()
    {
        LocalDay.Of(Some.Utc("2026-03-03T12:00:00"), Some.Zone("Pacific/Kiritimati")).ShouldBe(new LocalDate(2026, 3, 4));
        LocalDay.Of(Some.Utc("2026-03-03T04:59:59"), Some.Zone("America/New_York")).ShouldBe(new LocalDate(2026, 3, 2));
        LocalDay.Of(Some.Utc("2026-03-03T05:00:00"), Some.Zone("America/New_York")).ShouldBe(new LocalDate(2026, 3, 3));
    }

    [Fact]
    public void The_next_day_starts_at_midnight() => NextStart("2026-03-03T12:00:00", "UTC").ShouldBe(Some.Utc("2026-03-04T00:00:00"));

    [Fact]
    public void At_midnight_sharp_the_next_day_is_a_whole_day_away() =>
        NextStart("2026-03-03T00:00:00", "UTC").ShouldBe(Some.Utc("2026-03-04T00:00:00"));

    [Fact]
    public void A_midnight_that_the_clock_skips_is_where_the_gap_ends() =>
        // Beirut goes from 00:00 to 01:00 on 29 March 2026.
        NextStart("2026-03-28T20:00:00", "Asia/Beirut").ShouldBe(Some.Utc("2026-03-28T22:00:00"));

    [Fact]
    public void Where_the_clock_goes_back_at_midnight_the_day_is_an_hour_longer() =>
        // Beirut goes from 24:00 on 24 October 2026 back to 23:00.
        NextStart("2026-10-24T20:30:00", "Asia/Beirut").ShouldBe(Some.Utc("2026-10-24T22:00:00"));

    [Fact]
    public void Of_a_midnight_that_comes_twice_the_first_starts_the_day() =>
        // Havana goes from 01:00 on 1 November 2026 back to 00:00.
        NextStart("2026-11-01T02:00:00", "America/Havana").ShouldBe(Some.Utc("2026-11-01T04:00:00"));

    [Fact]
    public void Back_in_the_old_day_after_a_first_midnight_the_second_one_is_next()
    {
        // St. John's went from 00:01 on 7 November 2010 (UTC-2:30) back to 23:01 on the 6th (UTC-3:30).
        NextStart("2010-11-07T02:00:00", "America/St_Johns").ShouldBe(Some.Utc("2010-11-07T02:30:00"));
        NextStart("2010-11-07T02:45:00", "America/St_Johns").ShouldBe(Some.Utc("2010-11-07T03:30:00"));
    }

    [Fact]
    public void Where_a_whole_day_is_left_out_the_one_after_it_is_next() =>
        NextStart("2011-12-29T20:00:00", "Pacific/Apia").ShouldBe(Some.Utc("2011-12-30T10:00:00"));
}
