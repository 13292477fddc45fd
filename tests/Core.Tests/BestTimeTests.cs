namespace Orchestrator.Core.Tests;

public sealed class BestTimeTests
{
    private static readonly Instant At15 = Some.Utc("2026-03-03T15:00:00");
    private static readonly QueuedMessage Medium = Some.Message.InLane(Lane.Medium).BestAt(At15);

    private static Instant? Choose(Recipient recipient, Instant from, params int[] hours) =>
        BestTime.Choose(from, hours, recipient, Some.Rules);

    [Fact]
    public void Medium_waits_for_its_best_time() => Some.Recipient.Decide(Medium).ShouldBeHeld(Hold.BestTime, At15);

    [Fact]
    public void Low_waits_for_its_best_time() => Some.Recipient.Decide(Medium.InLane(Lane.Low)).ShouldBeHeld(Hold.BestTime, At15);

    [Theory, InlineData(Lane.Urgent), InlineData(Lane.High)]
    public void Higher_lanes_do_not(Lane lane) => Some.Recipient.Decide(Medium.InLane(lane)).ShouldBeDelivered();

    [Fact]
    public void At_its_best_time_sharp_a_message_goes() => Some.Recipient.Decide(Medium, at: At15).ShouldBeDelivered();

    [Fact]
    public void The_instant_before_its_best_time_it_waits() =>
        Some.Recipient.Decide(Medium, at: At15 - Duration.Epsilon).ShouldBeHeld(Hold.BestTime, At15);

    [Fact]
    public void A_message_that_cannot_wait_does_not_wait_for_it() => Some.Recipient.Decide(Medium.ThatCannotWait()).ShouldBeDelivered();

    [Fact]
    public void A_message_to_an_active_user_does_not_wait_for_it() =>
        Some.Recipient.WhoWroteAt(Some.Noon - Duration.FromMinutes(1)).Decide(Medium).ShouldBeDelivered();

    [Fact]
    public void A_message_to_a_user_active_no_more_when_the_cooldown_ends_waits_for_it() =>
        Some.Recipient.WhoWroteAt(Some.Noon - Duration.FromMinutes(10) + Duration.FromSeconds(20)).WhoGotOnesAt(Some.Noon)
            .Decide(Medium).ShouldBeHeld(Hold.BestTime, At15);

    [Fact]
    public void A_slot_at_the_best_time_that_is_taken_moves_the_message_behind_it() =>
        Some.Recipient.WhoGotOnesAt(At15).Decide(Medium).ShouldBeHeld(Hold.BestTime, At15 + Duration.FromSeconds(30));

    [Fact]
    public void Low_that_is_put_off_still_waits_for_its_best_time_after_that() =>
        Some.Recipient.WithAHigherLaneWaiting().Decide(Medium.InLane(Lane.Low)).ShouldBeHeld(Hold.BestTime, At15);

    [Fact]
    public void It_is_the_start_of_the_next_best_hour() => Choose(Some.Recipient, Some.Noon, 15, 9).ShouldBe(At15);

    [Fact]
    public void It_is_the_next_day_where_the_hour_has_passed() =>
        Choose(Some.Recipient, Some.Noon, 9).ShouldBe(Some.Utc("2026-03-04T09:00:00"));

    [Theory, InlineData("2026-03-03T12:00:00"), InlineData("2026-03-03T12:59:59")]
    public void There_is_none_better_than_now_within_a_best_hour(string now) => Choose(Some.Recipient, Some.Utc(now), 12).ShouldBeNull();

    [Fact]
    public void A_best_hour_ends_where_the_next_begins() =>
        Choose(Some.Recipient, Some.Utc("2026-03-03T13:00:00"), 12).ShouldBe(Some.Utc("2026-03-04T12:00:00"));

    [Fact]
    public void There_is_none_without_hours() => Choose(Some.Recipient, Some.Noon).ShouldBeNull();

    [Fact]
    public void Hours_that_no_clock_shows_are_ignored()
    {
        Choose(Some.Recipient, Some.Noon, -1, 24, 99).ShouldBeNull();
        Choose(Some.Recipient, Some.Noon, -1, 24, 15).ShouldBe(At15);
    }

    [Fact]
    public void Hours_are_those_of_the_users_own_wall_clock() =>
        // Kathmandu is at UTC+05:45: 20:00 there is 14:15 in UTC.
        Choose(Some.Recipient.In("Asia/Kathmandu"), Some.Noon, 20).ShouldBe(Some.Utc("2026-03-03T14:15:00"));

    [Fact]
    public void An_hour_within_quiet_hours_is_never_chosen()
    {
        Choose(Some.Recipient, Some.Noon, 23, 3, 7).ShouldBeNull();
        Choose(Some.Recipient, Some.Noon, 23, 3, 8).ShouldBe(Some.Utc("2026-03-04T08:00:00"));
    }

    [Fact]
    public void An_hour_that_is_quiet_in_part_is_chosen_for_the_rest()
    {
        var recipient = Some.Recipient with { QuietHours = new QuietHours(new LocalTime(22, 0), new LocalTime(8, 30)) };

        Choose(recipient, Some.Noon, 8).ShouldBe(Some.Utc("2026-03-04T08:30:00"));
    }

    [Fact]
    public void The_users_own_quiet_hours_count()
    {
        Choose(Some.Recipient.WithoutQuietHours(), Some.Noon, 23).ShouldBe(Some.Utc("2026-03-03T23:00:00"));
        Choose(Some.Recipient.WithQuietHours(14, 16), Some.Noon, 15, 18).ShouldBe(Some.Utc("2026-03-03T18:00:00"));
    }

    [Fact]
    public void It_may_be_exactly_24_hours_away_and_no_more()
    {
        // Auckland goes from UTC+13 back to UTC+12 on 5 April 2026: from 13:00 on the 4th to 12:00 on the 5th is 24 hours.
        var auckland = Some.Recipient.In("Pacific/Auckland");
        var from = Some.Utc("2026-04-04T00:00:00");

        Choose(auckland, from, 12).ShouldBe(from + Duration.FromHours(24));
        BestTime.Choose(from, [12], auckland, Some.Rules with { LongestDelay = Duration.FromHours(24) - Duration.Epsilon }).ShouldBeNull();
    }

    [Fact]
    public void An_hour_that_the_wall_clock_skips_comes_the_day_after_or_not_at_all()
    {
        var recipient = Some.Recipient.In("America/New_York").WithoutQuietHours();

        // From 02:30 on 7 March, 02:00 on the 8th does not come: 24 hours later it is 03:30.
        Choose(recipient, Some.Utc("2026-03-07T08:00:00"), 2).ShouldBeNull();
        Choose(recipient, Some.Utc("2026-03-08T07:00:00"), 2).ShouldBe(Some.Utc("2026-03-09T06:00:00"));
    }

    [Fact]
    public void Hours_are_learned_from_the_local_times_of_what_the_user_wrote()
    {
        var newYork = Some.Zone("America/New_York");

        // 18:30 in New York, in winter and in summer.
        Instant[] inbound = [.. Days("2026-01-05T23:30:00", 10), .. Days("2026-07-06T22:30:00", 10)];

        BestTime.LearnHours(inbound, newYork).ShouldBe([18]);
    }

    [Fact]
    public void Nothing_is_learned_from_too_few()
    {
        BestTime.LearnHours([.. Days("2026-01-05T09:00:00", BestTime.EnoughToLearn - 1)], DateTimeZone.Utc).ShouldBeEmpty();
        BestTime.LearnHours([.. Days("2026-01-05T09:00:00", BestTime.EnoughToLearn)], DateTimeZone.Utc).ShouldBe([9]);
        BestTime.LearnHours([], DateTimeZone.Utc).ShouldBeEmpty();
    }

    [Fact]
    public void At_most_three_hours_are_learned_the_most_frequent_first()
    {
        Instant[] inbound =
        [
            .. Days("2026-01-05T09:00:00", 5), .. Days("2026-01-05T20:59:59", 7),
            .. Days("2026-01-05T13:10:00", 6), .. Days("2026-01-05T17:00:00", 5),
        ];

        BestTime.LearnHours(inbound, DateTimeZone.Utc).ShouldBe([20, 13, 9]);
    }

    [Fact]
    public void An_hour_with_less_than_a_tenth_is_not_learned()
    {
        BestTime.LearnHours([.. Days("2026-01-05T09:00:00", 18), .. Days("2026-01-05T20:00:00", 2)], DateTimeZone.Utc).ShouldBe([9, 20]);
        BestTime.LearnHours([.. Days("2026-01-05T09:00:00", 19), .. Days("2026-01-05T20:00:00", 2)], DateTimeZone.Utc).ShouldBe([9]);
    }

    [Fact]
    public void Where_the_user_writes_at_any_hour_there_is_no_best_one() =>
        BestTime.LearnHours([.. Enumerable.Range(0, 48).Select(i => Some.Noon + Duration.FromHours(i))], DateTimeZone.Utc).ShouldBeEmpty();

    private static IEnumerable<Instant> Days(string first, int count) =>
        Enumerable.Range(0, count).Select(day => Some.Utc(first) + Duration.FromDays(day));
}
