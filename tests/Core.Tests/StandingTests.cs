namespace Orchestrator.Core.Tests;

/// <summary>Where a person stands is what the rules would say, not a reckoning of its own.</summary>
public sealed class StandingTests
{
    private static readonly Duration Minute = Duration.FromMinutes(1);

    private static Standing Of(Recipient recipient, Instant? at = null, DeliveryRules? rules = null) =>
        Standing.Of(recipient, rules ?? Some.Rules, at ?? Some.Noon);

    [Fact]
    public void Without_deliveries_and_limits_nothing_is_used_and_any_number_is_left()
    {
        var standing = Of(Some.Recipient);

        standing.Hour.ShouldBe(new Allowance(0, null, null));
        standing.Hour.Left.ShouldBeNull();
        (standing.ActiveUntil, standing.CooldownUntil, standing.QuietUntil).ShouldBe((null, null, null));
        standing.QuietFrom.ShouldBe(Some.Utc("2026-03-03T22:00:00"));
    }

    [Fact]
    public void The_hour_frees_when_the_oldest_delivery_that_fills_it_is_60_minutes_old()
    {
        var standing = Of(Some.Recipient.WithHourlyLimit(2).WhoGotOnesAt(Some.Noon - (61 * Minute), Some.Noon - (50 * Minute), Some.Noon - (10 * Minute)));

        standing.Hour.ShouldBe(new Allowance(Used: 2, Limit: 2, FreesAt: Some.Noon + (10 * Minute)));
        standing.Hour.Left.ShouldBe(0);
    }

    [Fact]
    public void A_delivery_exactly_60_minutes_old_is_not_counted_any_more() =>
        Of(Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(Some.Noon - (60 * Minute))).Hour.ShouldBe(new Allowance(0, 1, null));

    [Fact]
    public void The_day_is_the_local_one_and_frees_at_local_midnight()
    {
        var recipient = Some.Recipient.In("America/New_York") with
        {
            DailyLimit = 3,
            History = new DeliveryHistory([], new Dictionary<LocalDate, int> { [new(2026, 3, 2)] = 9, [new(2026, 3, 3)] = 4 }),
        };

        var standing = Of(recipient);

        standing.Date.ShouldBe(new LocalDate(2026, 3, 3));
        standing.Day.ShouldBe(new Allowance(Used: 4, Limit: 3, FreesAt: Some.Utc("2026-03-04T05:00:00")));
        standing.Day.Left.ShouldBe(0);
    }

    [Fact]
    public void A_limit_of_nought_never_frees() =>
        Of(Some.Recipient.WithHourlyLimit(0)).Hour.ShouldBe(new Allowance(0, 0, null));

    [Fact]
    public void Own_limits_go_before_the_configured_ones()
    {
        var rules = Some.Rules with { HourlyLimit = 5, DailyLimit = 7 };

        Of(Some.Recipient.WithHourlyLimit(2), rules: rules).Hour.Limit.ShouldBe(2);
        Of(Some.Recipient.WithHourlyLimit(2), rules: rules).Day.Limit.ShouldBe(7);
    }

    [Fact]
    public void Cooldown_and_activity_end_when_the_rules_say()
    {
        var standing = Of(Some.Recipient.WhoGotOnesAt(Some.Noon - Duration.FromSeconds(10)).WhoWroteAt(Some.Noon - Minute));

        standing.CooldownUntil.ShouldBe(Some.Noon + Duration.FromSeconds(20));
        standing.ActiveUntil.ShouldBe(Some.Noon + (9 * Minute));
        Of(Some.Recipient.WhoWroteAt(Some.Noon - (10 * Minute))).ActiveUntil.ShouldBeNull();
    }

    [Fact]
    public void Within_quiet_hours_their_end_is_told_and_else_their_next_beginning()
    {
        Of(Some.Recipient, Some.Utc("2026-03-03T23:00:00")).QuietUntil.ShouldBe(Some.Utc("2026-03-04T08:00:00"));
        Of(Some.Recipient, Some.Utc("2026-03-03T23:00:00")).QuietFrom.ShouldBeNull();
        Of(Some.Recipient.WithQuietHours(1, 2), Some.Utc("2026-03-03T02:00:00")).QuietFrom.ShouldBe(Some.Utc("2026-03-04T01:00:00"));
        Of(Some.Recipient.WithoutQuietHours()).QuietFrom.ShouldBeNull();
    }

    [Fact]
    public void Quiet_hours_that_begin_in_the_hour_a_clock_skips_begin_when_the_gap_ends()
    {
        // On 8 March 2026 New York's clocks jump from 02:00 to 03:00.
        var standing = Of(Some.Recipient.In("America/New_York").WithQuietHours(2, 6), Some.Utc("2026-03-08T06:30:00"));

        standing.QuietFrom.ShouldBe(Some.Utc("2026-03-08T07:00:00"));
    }
}
