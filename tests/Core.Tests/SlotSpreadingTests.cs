namespace Orchestrator.Core.Tests;

public sealed class SlotSpreadingTests
{
    private static readonly Duration Cooldown = Duration.FromSeconds(30);

    private static Instant Until(Decision decision) => decision.ShouldBeOfType<Decision.Defer>().Until;

    [Fact]
    public void Messages_of_one_user_take_successive_slots_best_lane_first()
    {
        var decided = Some.Recipient.DecideAll(Some.Messages(Lane.Low, Lane.Medium, Lane.Urgent, Lane.High));

        decided.Select(d => d.Message.Lane).ShouldBe([Lane.Urgent, Lane.High, Lane.Medium, Lane.Low]);
        decided[0].Decision.ShouldBeDelivered();
        decided.Skip(1).Select(d => Until(d.Decision)).ShouldBe([Some.Noon + Cooldown, Some.Noon + 2 * Cooldown, Some.Noon + 3 * Cooldown]);
    }

    [Fact]
    public void What_a_model_is_at_has_the_present_slot_however_long_its_lease()
    {
        var policy = new DeliveryPolicy(Some.Recipient, Some.Rules);

        policy.Reserve(Some.Message.ScheduledFor(Some.Noon + Duration.FromHours(1)) with { IsWithModel = true }, Some.Noon);

        Until(policy.Decide(Some.Message.Numbered(2), Some.Noon)).ShouldBe(Some.Noon + Cooldown);
    }

    [Fact]
    public void Slots_of_a_day_that_is_used_up_go_on_in_the_next_morning()
    {
        var decided = Some.Recipient.WithDailyLimit(2).DecideAll(Some.Messages([.. Enumerable.Repeat(Lane.High, 5)]));

        decided.Skip(1).Select(d => Until(d.Decision)).ShouldBe(
        [
            Some.Noon + Cooldown,
            Some.Utc("2026-03-04T08:00:00"), Some.Utc("2026-03-04T08:00:30"),
            Some.Utc("2026-03-05T08:00:00"),
        ]);
    }

    [Fact]
    public void Slots_of_an_hour_that_is_used_up_go_on_as_the_first_ones_leave_it()
    {
        var decided = Some.Recipient.WithHourlyLimit(2).DecideAll(Some.Messages([.. Enumerable.Repeat(Lane.High, 5)]));
        var hour = Duration.FromHours(1);

        decided.Skip(1).Select(d => Until(d.Decision)).ShouldBe(
            [Some.Noon + Cooldown, Some.Noon + hour, Some.Noon + hour + Cooldown, Some.Noon + 2 * hour]);
    }

    [Fact]
    public void Slots_that_reach_the_night_go_on_in_the_morning()
    {
        var now = Some.Utc("2026-03-03T21:59:15");
        var decided = Some.Recipient.DecideAll(Some.Messages([.. Enumerable.Repeat(Lane.High, 4)]), now);

        decided.Skip(1).Select(d => Until(d.Decision)).ShouldBe(
            [Some.Utc("2026-03-03T21:59:45"), Some.Utc("2026-03-04T08:00:00"), Some.Utc("2026-03-04T08:00:30")]);
    }

    [Fact]
    public void In_the_night_those_of_an_active_user_go_on_only_while_the_user_is_active()
    {
        var now = Some.Utc("2026-03-03T23:00:00");
        var decided = Some.Recipient.WhoWroteAt(now - Duration.FromMinutes(9)).DecideAll(Some.Messages([.. Enumerable.Repeat(Lane.High, 4)]), now);

        // Active until 23:01:00, which is excluded.
        decided.Skip(1).Select(d => Until(d.Decision)).ShouldBe(
            [now + Cooldown, Some.Utc("2026-03-04T08:00:00"), Some.Utc("2026-03-04T08:00:30")]);
    }

    [Fact]
    public void Where_an_earlier_one_waits_for_its_best_time_the_others_go_before_it()
    {
        var best = Some.Noon + Duration.FromMinutes(1);
        var medium = Some.Message.InLane(Lane.Medium).BestAt(best).Numbered(1);
        var low = Some.Message.InLane(Lane.Low);

        var decided = Some.Recipient.DecideAll([medium, low.Numbered(2), low.Numbered(3), low.Numbered(4)]);

        decided.Select(d => d.Decision).ShouldBe(
        [
            new Decision.Defer(Hold.BestTime, best),
            Decision.Deliver.Now,
            new Decision.Defer(Hold.Cooldown, Some.Noon + Cooldown),
            new Decision.Defer(Hold.Cooldown, best + Cooldown),
        ]);
    }

    [Fact]
    public void A_reserved_slot_is_taken()
    {
        var policy = new DeliveryPolicy(Some.Recipient.WhoGotOnesAt(Some.Noon), Some.Rules);

        policy.Reserve(Some.Message, Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeHeld(Hold.Cooldown, Some.Noon + 2 * Cooldown);
    }

    [Fact]
    public void A_slot_is_reserved_no_earlier_than_the_waiting_message_is_due()
    {
        var policy = new DeliveryPolicy(Some.Recipient, Some.Rules);

        policy.Reserve(Some.Message.ScheduledFor(Some.Noon + Duration.FromSeconds(40)), Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeDelivered();
        policy.Decide(Some.Message.Numbered(3), Some.Noon).ShouldBeHeld(Hold.Cooldown, Some.Noon + Duration.FromSeconds(70));
    }

    [Fact]
    public void No_slot_is_reserved_for_a_message_that_will_expire_before_it()
    {
        var policy = new DeliveryPolicy(Some.Recipient.WhoGotOnesAt(Some.Noon), Some.Rules);

        policy.Reserve(Some.Message.ExpiringAt(Some.Noon + Cooldown), Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeHeld(Hold.Cooldown, Some.Noon + Cooldown);
    }

    [Fact]
    public void A_reserved_slot_counts_towards_the_day()
    {
        var policy = new DeliveryPolicy(Some.Recipient.WithDailyLimit(1), Some.Rules);

        policy.Reserve(Some.Message, Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeHeld(Hold.DailyLimit, Some.Utc("2026-03-04T08:00:00"));
    }
}
