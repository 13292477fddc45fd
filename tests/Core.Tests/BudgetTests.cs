namespace Orchestrator.Core.Tests;

public sealed class BudgetTests
{
    private static readonly Duration Hour = Duration.FromHours(1);

    private static Instant Ago(int minutes) => Some.Noon - Duration.FromMinutes(minutes);

    [Fact]
    public void By_default_there_is_no_limit() =>
        Some.Recipient.WhoGotOnesAt(Enumerable.Range(1, 600).Select(Ago)).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void Below_the_hourly_limit_a_message_goes() =>
        Some.Recipient.WithHourlyLimit(3).WhoGotOnesAt(Ago(50), Ago(10)).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void At_the_hourly_limit_a_message_waits_until_the_oldest_delivery_leaves_the_hour() =>
        Some.Recipient.WithHourlyLimit(2).WhoGotOnesAt(Ago(50), Ago(10)).Decide(Some.Message)
            .ShouldBeHeld(Hold.HourlyLimit, Ago(50) + Hour);

    [Fact]
    public void A_delivery_exactly_60_minutes_ago_counts_no_more() =>
        Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(Ago(60)).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void A_delivery_the_last_instant_short_of_60_minutes_ago_still_counts() =>
        Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(Ago(60) + Duration.Epsilon).Decide(Some.Message)
            .ShouldBeHeld(Hold.HourlyLimit, Some.Noon + Duration.Epsilon);

    [Fact]
    public void Above_the_hourly_limit_as_many_must_leave_the_hour_as_are_too_many() =>
        Some.Recipient.WithHourlyLimit(2).WhoGotOnesAt(Ago(50), Ago(40), Ago(30), Ago(20)).Decide(Some.Message)
            .ShouldBeHeld(Hold.HourlyLimit, Ago(30) + Hour);

    [Fact]
    public void The_hour_rolls_over_midnight()
    {
        var justBefore = Some.Utc("2026-03-03T23:40:00");

        Some.Recipient.WithoutQuietHours().WithHourlyLimit(1).WhoGotOnesAt(justBefore).Decide(Some.Message, at: Some.Utc("2026-03-04T00:10:00"))
            .ShouldBeHeld(Hold.HourlyLimit, justBefore + Hour);
    }

    [Fact]
    public void The_hour_is_60_minutes_where_the_wall_clock_jumps_too()
    {
        // 01:40 in New York, twenty minutes before the clocks go from 02:00 to 03:00.
        var before = Some.Utc("2026-03-08T06:40:00");

        Some.Recipient.In("America/New_York").WithoutQuietHours().WithHourlyLimit(1).WhoGotOnesAt(before)
            .Decide(Some.Message, at: before + Duration.FromMinutes(30))
            .ShouldBeHeld(Hold.HourlyLimit, before + Hour);
    }

    [Fact]
    public void An_active_user_is_exempt_from_the_hourly_limit() =>
        Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(Ago(10)).WhoWroteAt(Ago(1)).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void An_hourly_limit_of_nought_lets_nothing_through_to_somebody_who_is_not_active() =>
        Some.Recipient.WithHourlyLimit(0).Decide(Some.Message).ShouldBeOfType<Decision.Defer>()
            .ShouldSatisfyAllConditions(d => d.By.ShouldBe(Hold.HourlyLimit), d => d.Until.ShouldBeInRange(Some.Noon + Duration.Epsilon, Some.Noon + Duration.FromDays(1)));

    [Fact]
    public void An_hourly_limit_of_nought_does_not_hold_back_an_active_user() =>
        Some.Recipient.WithHourlyLimit(0).WhoWroteAt(Ago(1)).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void A_message_in_cooldown_goes_while_the_user_is_still_active_though_the_hour_is_full()
    {
        var recipient = Some.Recipient.WithHourlyLimit(0).WhoGotOnesAt(Some.Noon).WhoWroteAt(Ago(1));

        recipient.Decide(Some.Message).ShouldBeHeld(Hold.Cooldown, Some.Noon + Duration.FromSeconds(30));
    }

    [Fact]
    public void An_hourly_limit_of_nought_leaves_the_other_rules_as_they_are_for_an_active_user() =>
        Some.Recipient.WithHourlyLimit(0).WhoGotOnesAt(Some.Noon).WhoWroteAt(Ago(1))
            .Decide(Some.Message.NotBefore(Some.Noon + Duration.FromSeconds(10)))
            .ShouldBeHeld(Hold.Cooldown, Some.Noon + Duration.FromSeconds(30));

    [Fact]
    public void A_message_in_cooldown_waits_for_the_hour_where_the_user_is_active_no_more_by_then()
    {
        // Active until five seconds from now; the cooldown ends in thirty.
        var wrote = Ago(10) + Duration.FromSeconds(5);
        var recipient = Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(Some.Noon).WhoWroteAt(wrote);

        recipient.Decide(Some.Message).ShouldBeHeld(Hold.HourlyLimit, Some.Noon + Hour);
    }

    [Fact]
    public void The_configured_hourly_limit_holds_for_those_who_have_none_of_their_own()
    {
        var rules = Some.Rules with { HourlyLimit = 1 };

        Some.Recipient.WhoGotOnesAt(Ago(10)).Decide(Some.Message, rules: rules).ShouldBeHeld(Hold.HourlyLimit, Ago(10) + Hour);
        Some.Recipient.WithHourlyLimit(2).WhoGotOnesAt(Ago(10)).Decide(Some.Message, rules: rules).ShouldBeDelivered();
    }

    [Fact]
    public void Below_the_daily_limit_a_message_goes() =>
        Some.Recipient.WithDailyLimit(3).WhoGotOnesAt(Ago(120), Ago(10)).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void At_the_daily_limit_a_message_waits_for_the_next_local_day() =>
        Some.Recipient.WithoutQuietHours().WithDailyLimit(2).WhoGotOnesAt(Ago(120), Ago(10)).Decide(Some.Message)
            .ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-04T00:00:00"));

    [Fact]
    public void At_the_daily_limit_a_message_waits_for_the_morning_where_the_night_is_quiet() =>
        Some.Recipient.WithDailyLimit(1).WhoGotOnesAt(Ago(120)).Decide(Some.Message)
            .ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-04T08:00:00"));

    [Fact]
    public void The_day_is_the_users_own_not_that_of_the_server()
    {
        // Noon in UTC is 01:00 of 4 March in Auckland; a delivery two hours ago was on 3 March there.
        var recipient = Some.Recipient.In("Pacific/Auckland").WithoutQuietHours().WithDailyLimit(1);

        recipient.WhoGotOnesAt(Ago(120)).Decide(Some.Message).ShouldBeDelivered();
        recipient.WhoGotOnesAt(Ago(30)).Decide(Some.Message).ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-04T11:00:00"));
    }

    [Fact]
    public void Deliveries_of_other_days_do_not_count() =>
        Some.Recipient.WithDailyLimit(1).WhoGotOnesAt(Some.Utc("2026-03-02T23:59:59"), Some.Utc("2026-03-04T00:00:00"))
            .Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void A_day_that_is_used_up_in_advance_is_passed_over()
    {
        var recipient = Some.Recipient.WithoutQuietHours().WithDailyLimit(1).WhoGotOnesAt(Ago(1), Some.Utc("2026-03-04T09:00:00"));

        recipient.Decide(Some.Message).ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-05T00:00:00"));
    }

    [Fact]
    public void An_active_user_is_not_exempt_from_the_daily_limit() =>
        Some.Recipient.WithoutQuietHours().WithDailyLimit(1).WhoGotOnesAt(Ago(10)).WhoWroteAt(Ago(1)).Decide(Some.Message)
            .ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-04T00:00:00"));

    [Fact]
    public void An_urgent_message_is_not_exempt_from_either_limit()
    {
        var urgent = Some.Message.InLane(Lane.Urgent);
        var recipient = Some.Recipient.WithoutQuietHours().WhoGotOnesAt(Ago(10));

        recipient.WithHourlyLimit(1).Decide(urgent).ShouldBeHeld(Hold.HourlyLimit, Ago(10) + Hour);
        recipient.WithDailyLimit(1).Decide(urgent).ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-04T00:00:00"));
    }

    [Fact]
    public void A_daily_limit_of_nought_lets_nothing_through_to_anybody() =>
        Some.Recipient.WithDailyLimit(0).WhoWroteAt(Ago(1)).Decide(Some.Message).ShouldBeOfType<Decision.Defer>()
            .ShouldSatisfyAllConditions(d => d.By.ShouldBe(Hold.DailyLimit), d => d.Until.ShouldBeInRange(Some.Noon + Duration.Epsilon, Some.Noon + Duration.FromDays(1)));

    [Fact]
    public void A_limit_of_nought_is_found_vain_without_searching_the_calendar()
    {
        // A search for a slot that never comes would leave the calendar's range, or last for ever.
        var recipient = Some.Recipient.WithDailyLimit(0).WhoGotOnesAt(Some.Noon);

        var until = recipient.DecideAll(Some.Messages(Lane.Urgent, Lane.High, Lane.Low)).Select(d => ((Decision.Defer)d.Decision).Until);

        until.ShouldAllBe(u => u > Some.Noon && u <= Some.Noon + Duration.FromDays(1));
    }

    [Fact]
    public void The_configured_daily_limit_holds_for_those_who_have_none_of_their_own()
    {
        var rules = Some.Rules with { DailyLimit = 1, QuietHours = QuietHours.None };

        Some.Recipient.WhoGotOnesAt(Ago(10)).Decide(Some.Message, rules: rules)
            .ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-04T00:00:00"));
        Some.Recipient.WithDailyLimit(2).WhoGotOnesAt(Ago(10)).Decide(Some.Message, rules: rules).ShouldBeDelivered();
    }
}
