namespace Orchestrator.Core.Tests;

public sealed class QuietHoursTests
{
    private static readonly Recipient NewYorker = Some.Recipient.In("America/New_York");

    // New York is at UTC-5 in the first days of March 2026 and at UTC-4 from the 8th on.

    [Fact]
    public void At_22_00_00_sharp_it_is_quiet_until_08_00() =>
        NewYorker.Decide(Some.Message, at: Some.Utc("2026-03-04T03:00:00"))
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T13:00:00"));

    [Fact]
    public void The_last_instant_before_22_00_is_not_quiet() =>
        NewYorker.Decide(Some.Message, at: Some.Utc("2026-03-04T03:00:00") - Duration.Epsilon).ShouldBeDelivered();

    [Fact]
    public void At_08_00_00_sharp_it_is_quiet_no_more() =>
        NewYorker.Decide(Some.Message, at: Some.Utc("2026-03-04T13:00:00")).ShouldBeDelivered();

    [Fact]
    public void The_last_instant_before_08_00_is_quiet() =>
        NewYorker.Decide(Some.Message, at: Some.Utc("2026-03-04T13:00:00") - Duration.Epsilon)
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T13:00:00"));

    [Fact]
    public void After_midnight_it_is_quiet_until_the_same_morning() =>
        NewYorker.Decide(Some.Message, at: Some.Utc("2026-03-04T05:30:00"))
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T13:00:00"));

    [Fact]
    public void They_are_those_of_the_users_zone_not_of_the_server()
    {
        // 14:00 in UTC is 23:00 in Tokyo.
        var at = Some.Utc("2026-03-03T14:00:00");

        Some.Recipient.Decide(Some.Message, at).ShouldBeDelivered();
        Some.Recipient.In("Asia/Tokyo").Decide(Some.Message, at).ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-03T23:00:00"));
    }

    [Fact]
    public void The_users_own_replace_the_configured_ones()
    {
        var recipient = Some.Recipient.WithQuietHours(12, 14);

        recipient.Decide(Some.Message).ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-03T14:00:00"));
        recipient.Decide(Some.Message, at: Some.Utc("2026-03-03T23:00:00")).ShouldBeDelivered();
    }

    [Fact]
    public void The_configured_ones_hold_for_those_who_have_none_of_their_own() =>
        Some.Recipient.Decide(Some.Message, rules: Some.Rules with { QuietHours = new QuietHours(new LocalTime(11, 0), new LocalTime(13, 30)) })
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-03T13:30:00"));

    [Fact]
    public void Start_before_end_is_an_interval_within_the_day()
    {
        var recipient = Some.Recipient.WithQuietHours(1, 6);

        recipient.Decide(Some.Message, at: Some.Utc("2026-03-03T00:59:59")).ShouldBeDelivered();
        recipient.Decide(Some.Message, at: Some.Utc("2026-03-03T01:00:00")).ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-03T06:00:00"));
        recipient.Decide(Some.Message, at: Some.Utc("2026-03-03T06:00:00")).ShouldBeDelivered();
    }

    [Fact]
    public void An_end_at_midnight_ends_them_with_the_day()
    {
        var recipient = Some.Recipient.WithQuietHours(20, 0);

        recipient.Decide(Some.Message, at: Some.Utc("2026-03-03T23:59:59")).ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T00:00:00"));
        recipient.Decide(Some.Message, at: Some.Utc("2026-03-04T00:00:00")).ShouldBeDelivered();
    }

    [Theory, InlineData(0), InlineData(8), InlineData(12), InlineData(22)]
    public void Start_equal_to_end_means_none(int hour)
    {
        var quiet = new QuietHours(new LocalTime(hour, 0), new LocalTime(hour, 0));

        for (var at = Some.Noon; at < Some.Noon + Duration.FromDays(1); at += Duration.FromMinutes(30))
        {
            quiet.AreOn(at, DateTimeZone.Utc).ShouldBeFalse();
            quiet.FirstOutside(at, DateTimeZone.Utc).ShouldBe(at);
        }
    }

    [Fact]
    public void None_are_never_on() => QuietHours.None.AreOn(Some.Utc("2026-03-03T00:00:00"), DateTimeZone.Utc).ShouldBeFalse();

    [Fact]
    public void An_active_user_is_exempt() =>
        NewYorker.WhoWroteAt(Some.Utc("2026-03-04T04:55:00")).Decide(Some.Message, at: Some.Utc("2026-03-04T05:00:00")).ShouldBeDelivered();

    [Fact]
    public void Ten_minutes_after_writing_sharp_a_user_is_active_no_more()
    {
        var wrote = Some.Utc("2026-03-04T05:00:00");
        var tenMinutesLater = wrote + Duration.FromMinutes(10);

        NewYorker.WhoWroteAt(wrote).Decide(Some.Message, at: tenMinutesLater - Duration.Epsilon).ShouldBeDelivered();
        NewYorker.WhoWroteAt(wrote).Decide(Some.Message, at: tenMinutesLater)
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T13:00:00"));
    }

    [Fact]
    public void A_message_in_cooldown_waits_for_the_morning_where_the_user_is_active_no_more_by_then()
    {
        var now = Some.Utc("2026-03-04T05:00:00");
        var recipient = NewYorker.WhoGotOnesAt(now - Duration.FromSeconds(1)).WhoWroteAt(now - Duration.FromMinutes(10) + Duration.FromSeconds(29));

        recipient.Decide(Some.Message, now).ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T13:00:00"));
    }

    [Fact]
    public void A_message_in_cooldown_goes_in_the_night_while_the_user_is_still_active()
    {
        var now = Some.Utc("2026-03-04T05:00:00");
        var recipient = NewYorker.WhoGotOnesAt(now - Duration.FromSeconds(1)).WhoWroteAt(now - Duration.FromMinutes(10) + Duration.FromSeconds(30));

        recipient.Decide(Some.Message, now).ShouldBeHeld(Hold.Cooldown, now + Duration.FromSeconds(29));
    }

    [Fact]
    public void Urgent_is_not_exempt() =>
        NewYorker.Decide(Some.Message.InLane(Lane.Urgent), at: Some.Utc("2026-03-04T05:00:00"))
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T13:00:00"));

    [Fact]
    public void Urgent_alone_is_exempt_where_that_is_configured()
    {
        var rules = Some.Rules with { UrgentIgnoresQuietHours = true };
        var midnight = Some.Utc("2026-03-04T05:00:00");

        NewYorker.Decide(Some.Message.InLane(Lane.Urgent), midnight, rules).ShouldBeDelivered();
        NewYorker.Decide(Some.Message.InLane(Lane.High), midnight, rules)
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T13:00:00"));
    }

    [Fact]
    public void A_night_with_a_change_to_summer_time_is_an_hour_shorter() =>
        NewYorker.Decide(Some.Message, at: Some.Utc("2026-03-08T03:00:00"))
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-08T12:00:00"));

    [Fact]
    public void A_night_with_a_change_to_winter_time_is_an_hour_longer() =>
        NewYorker.Decide(Some.Message, at: Some.Utc("2026-11-01T02:00:00"))
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-11-01T13:00:00"));

    [Fact]
    public void An_end_that_the_wall_clock_skips_is_where_the_gap_ends()
    {
        // 02:30 does not exist on 8 March: the clock goes from 02:00 to 03:00.
        var quiet = new QuietHours(new LocalTime(1, 30), new LocalTime(2, 30));

        quiet.FirstOutside(Some.Utc("2026-03-08T06:45:00"), NewYorker.Zone).ShouldBe(Some.Utc("2026-03-08T07:00:00"));
    }

    [Fact]
    public void Quiet_hours_that_the_wall_clock_skips_do_not_happen()
    {
        var quiet = new QuietHours(new LocalTime(2, 0), new LocalTime(3, 0));

        quiet.AreOn(Some.Utc("2026-03-08T07:00:00") - Duration.Epsilon, NewYorker.Zone).ShouldBeFalse();
        quiet.AreOn(Some.Utc("2026-03-08T07:00:00"), NewYorker.Zone).ShouldBeFalse();
    }

    [Fact]
    public void Quiet_hours_that_the_wall_clock_repeats_happen_twice_and_the_time_between_is_free()
    {
        // On 1 November 01:00 to 02:00 comes twice.
        var quiet = new QuietHours(new LocalTime(1, 15), new LocalTime(1, 30));

        quiet.FirstOutside(Some.Utc("2026-11-01T05:20:00"), NewYorker.Zone).ShouldBe(Some.Utc("2026-11-01T05:30:00"));
        quiet.AreOn(Some.Utc("2026-11-01T05:45:00"), NewYorker.Zone).ShouldBeFalse();
        quiet.FirstOutside(Some.Utc("2026-11-01T06:20:00"), NewYorker.Zone).ShouldBe(Some.Utc("2026-11-01T06:30:00"));
    }

    [Fact]
    public void A_clock_set_back_into_the_interval_makes_it_quiet_again_without_a_free_instant_between()
    {
        // Quiet from 01:30 to 02:00: the first pass ends as the clock goes from 02:00 back to 01:00, which is free.
        var quiet = new QuietHours(new LocalTime(1, 30), new LocalTime(2, 0));
        quiet.FirstOutside(Some.Utc("2026-11-01T05:40:00"), NewYorker.Zone).ShouldBe(Some.Utc("2026-11-01T06:00:00"));

        // Quiet from 01:00 to 02:00: the second pass follows the first at once.
        quiet = new QuietHours(new LocalTime(1, 0), new LocalTime(2, 0));
        quiet.FirstOutside(Some.Utc("2026-11-01T05:40:00"), NewYorker.Zone).ShouldBe(Some.Utc("2026-11-01T07:00:00"));
    }

    [Fact]
    public void Where_the_zone_leaves_out_a_day_the_night_ends_on_the_day_after()
    {
        // Samoa went from the end of 29 December 2011 (UTC-10) to the start of 31 December (UTC+14).
        var quiet = new QuietHours(new LocalTime(22, 0), new LocalTime(8, 0));

        quiet.FirstOutside(Some.Utc("2011-12-30T09:00:00"), Some.Zone("Pacific/Apia")).ShouldBe(Some.Utc("2011-12-30T18:00:00"));
    }

    [Fact]
    public void A_daylight_saving_change_of_half_an_hour_counts_half_an_hour() =>
        // Lord Howe Island goes from UTC+11 back to UTC+10:30 at 02:00 on 5 April 2026.
        new QuietHours(new LocalTime(22, 0), new LocalTime(8, 0))
            .FirstOutside(Some.Utc("2026-04-04T11:00:00"), Some.Zone("Australia/Lord_Howe"))
            .ShouldBe(Some.Utc("2026-04-04T21:30:00"));
}
