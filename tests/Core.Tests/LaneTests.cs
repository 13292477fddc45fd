namespace Orchestrator.Core.Tests;

public sealed class LaneTests
{
    private static readonly Duration FiveMinutes = Duration.FromMinutes(5);
    private static readonly Duration Day = Duration.FromDays(1);
    private static readonly QueuedMessage Low = Some.Message.InLane(Lane.Low);

    /// <summary>One more than the configured hundred.</summary>
    private const int Busy = 101;

    [Fact]
    public void Lanes_go_urgent_high_medium_low() =>
        DeliveryPolicy.Order(Some.Messages(Lane.Medium, Lane.Low, Lane.Urgent, Lane.High), Some.Noon, Some.Rules).Select(m => m.Lane)
            .ShouldBe([Lane.Urgent, Lane.High, Lane.Medium, Lane.Low]);

    [Fact]
    public void Lane_names_are_those_of_the_database_and_lead_back_to_their_lanes()
    {
        Lanes.Names.ShouldBe(["urgent", "high", "medium", "low"]);
        Enum.GetValues<Lane>().Select(lane => Lanes.Parse(lane.Name())).ShouldBe(Enum.GetValues<Lane>().Cast<Lane?>());
    }

    [Theory, InlineData("Urgent"), InlineData("HIGH"), InlineData(" low"), InlineData("0"), InlineData(""), InlineData(null)]
    public void A_name_that_is_not_exactly_a_lanes_is_none(string? name) => Lanes.Parse(name).ShouldBeNull();

    [Fact]
    public void High_is_due_at_once_whatever_the_best_time_and_however_busy_the_queue() =>
        Some.Recipient.WithAHigherLaneWaiting().Decide(Some.Message.BestAt(Some.Noon + Duration.FromHours(3)), higherLanesDue: Busy)
            .ShouldBeDelivered();

    [Theory, InlineData(Lane.Urgent), InlineData(Lane.High), InlineData(Lane.Medium)]
    public void Only_low_is_put_off_while_the_queue_is_busy(Lane lane) =>
        Some.Recipient.WithAHigherLaneWaiting().Decide(Some.Message.InLane(lane), higherLanesDue: Busy).ShouldBeDelivered();

    [Fact]
    public void Low_goes_when_the_queue_is_not_busy() => Some.Recipient.Decide(Low).ShouldBeDelivered();

    [Fact]
    public void Low_is_put_off_five_minutes_while_more_than_the_configured_number_of_higher_lanes_is_due() =>
        Some.Recipient.Decide(Low, higherLanesDue: Busy).ShouldBeHeld(Hold.QueueBusy, Some.Noon + FiveMinutes);

    [Fact]
    public void Exactly_the_configured_number_is_not_busy() => Some.Recipient.Decide(Low, higherLanesDue: Busy - 1).ShouldBeDelivered();

    [Fact]
    public void The_number_and_the_span_are_configurable() =>
        Some.Recipient.Decide(Low, higherLanesDue: 8, rules: Some.Rules with { BusyAbove = 7, LowDeferral = Duration.FromMinutes(2) })
            .ShouldBeHeld(Hold.QueueBusy, Some.Noon + Duration.FromMinutes(2));

    [Fact]
    public void Low_is_put_off_five_minutes_while_the_same_user_has_a_higher_lane_waiting() =>
        Some.Recipient.WithAHigherLaneWaiting().Decide(Low).ShouldBeHeld(Hold.QueueBusy, Some.Noon + FiveMinutes);

    [Fact]
    public void Low_that_cannot_wait_is_not_put_off() =>
        Some.Recipient.WithAHigherLaneWaiting().Decide(Low.ThatCannotWait(), higherLanesDue: Busy).ShouldBeDelivered();

    [Fact]
    public void The_deferral_is_clipped_where_24_hours_end()
    {
        var queued = Some.Noon - Day + Duration.FromMinutes(2);

        Some.Recipient.Decide(Low.QueuedAt(queued), higherLanesDue: Busy).ShouldBeHeld(Hold.QueueBusy, queued + Day);
    }

    [Fact]
    public void After_exactly_24_hours_low_is_put_off_no_more() =>
        Some.Recipient.WithAHigherLaneWaiting().Decide(Low.QueuedAt(Some.Noon - Day), higherLanesDue: Busy).ShouldBeDelivered();

    [Fact]
    public void The_24_hours_begin_when_the_message_was_first_wanted()
    {
        var notBefore = Some.Noon - Duration.FromHours(1);
        var message = Low.QueuedAt(Some.Noon - Duration.FromDays(10)).NotBefore(notBefore);

        Some.Recipient.Decide(message, higherLanesDue: Busy).ShouldBeHeld(Hold.QueueBusy, Some.Noon + FiveMinutes);
        Some.Recipient.Decide(message, at: notBefore + Day, higherLanesDue: Busy).ShouldBeDelivered();
    }

    [Fact]
    public void The_24_hours_do_not_begin_before_the_message_was_queued() =>
        Some.Recipient.Decide(Low.QueuedAt(Some.Noon).NotBefore(Some.Noon - Duration.FromDays(10)), higherLanesDue: Busy)
            .ShouldBeHeld(Hold.QueueBusy, Some.Noon + FiveMinutes);

    [Fact]
    public void After_24_hours_low_counts_as_medium_and_goes_before_younger_ones()
    {
        var low = Low.QueuedAt(Some.Noon - Day).Numbered(2);
        var medium = Some.Message.InLane(Lane.Medium).Numbered(1);

        DeliveryPolicy.Order([medium, low], Some.Noon, Some.Rules).ShouldBe([low, medium]);
        DeliveryPolicy.Order([medium, low], Some.Noon - Duration.Epsilon, Some.Rules).ShouldBe([medium, low]);
    }

    [Fact]
    public void Low_put_off_into_quiet_hours_waits_for_their_end()
    {
        var now = Some.Utc("2026-03-03T21:57:00");

        Some.Recipient.Decide(Low.QueuedAt(now), now, higherLanesDue: Busy).ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T08:00:00"));
    }

    [Fact]
    public void A_busy_queue_is_no_reason_to_expect_a_busy_one_tomorrow() =>
        // Nobody can tell how busy it will be in the morning: the promise is the end of quiet hours.
        Some.Recipient.Decide(Low.QueuedAt(Some.Utc("2026-03-03T23:00:00")), at: Some.Utc("2026-03-03T23:00:00"), higherLanesDue: Busy)
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T08:00:00"));

    [Fact]
    public void Within_a_lane_what_was_scheduled_first_goes_first_then_the_older_one_then_the_smaller_id()
    {
        var minute = Duration.FromMinutes(1);
        var scheduledLate = Some.Message.QueuedAt(Some.Noon - 9 * minute).ScheduledFor(Some.Noon).Numbered(1);
        var young = Some.Message.QueuedAt(Some.Noon - minute).Numbered(2);
        var old = Some.Message.QueuedAt(Some.Noon - 2 * minute).ScheduledFor(Some.Noon - minute).Numbered(4);
        var twin = young.Numbered(3);

        DeliveryPolicy.Order([twin, scheduledLate, young, old], Some.Noon, Some.Rules).ShouldBe([old, young, twin, scheduledLate]);
    }

    [Fact]
    public void A_better_lane_goes_before_an_older_message()
    {
        var old = Some.Message.InLane(Lane.Medium).QueuedAt(Some.Noon - Duration.FromDays(3)).Numbered(1);
        var urgent = Some.Message.InLane(Lane.Urgent).Numbered(2);

        DeliveryPolicy.Order([old, urgent], Some.Noon, Some.Rules).ShouldBe([urgent, old]);
    }
}
