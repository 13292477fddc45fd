namespace Orchestrator.Core.Tests;

public sealed class CooldownTests
{
    private static readonly Duration Cooldown = Duration.FromSeconds(30);

    public static TheoryData<Lane> Lanes => [.. Enum.GetValues<Lane>()];

    [Fact]
    public void Exactly_30_seconds_after_a_delivery_the_next_one_goes() =>
        Some.Recipient.WhoGotOnesAt(Some.Noon - Cooldown).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void The_last_instant_before_30_seconds_is_too_early()
    {
        var last = Some.Noon - Cooldown + Duration.Epsilon;

        Some.Recipient.WhoGotOnesAt(last).Decide(Some.Message).ShouldBeHeld(Hold.Cooldown, last + Cooldown);
    }

    [Theory, MemberData(nameof(Lanes))]
    public void No_lane_lifts_it(Lane lane) =>
        Some.Recipient.WhoGotOnesAt(Some.Noon).Decide(Some.Message.InLane(lane).ThatCannotWait())
            .ShouldBeHeld(Hold.Cooldown, Some.Noon + Cooldown);

    [Fact]
    public void An_active_user_is_not_exempt() =>
        Some.Recipient.WhoWroteAt(Some.Noon).WhoGotOnesAt(Some.Noon).Decide(Some.Message)
            .ShouldBeHeld(Hold.Cooldown, Some.Noon + Cooldown);

    [Fact]
    public void It_holds_across_midnight()
    {
        var beforeMidnight = Some.Utc("2026-03-03T23:59:50");

        Some.Recipient.WithoutQuietHours().WhoGotOnesAt(beforeMidnight).Decide(Some.Message, at: Some.Utc("2026-03-04T00:00:10"))
            .ShouldBeHeld(Hold.Cooldown, Some.Utc("2026-03-04T00:00:20"));
    }

    [Fact]
    public void A_delivery_that_another_clock_put_into_the_future_counts_too()
    {
        var ahead = Some.Noon + Duration.FromSeconds(20);

        Some.Recipient.WhoGotOnesAt(ahead).Decide(Some.Message).ShouldBeHeld(Hold.Cooldown, ahead + Cooldown);
    }

    [Fact]
    public void Exactly_30_seconds_before_another_delivery_there_is_room() =>
        Some.Recipient.WhoGotOnesAt(Some.Noon + Cooldown).Decide(Some.Message).ShouldBeDelivered();

    [Fact]
    public void A_gap_between_two_deliveries_that_is_too_narrow_is_not_used() =>
        Some.Recipient.WhoGotOnesAt(Some.Noon - Duration.FromSeconds(10), Some.Noon + Duration.FromSeconds(40)).Decide(Some.Message)
            .ShouldBeHeld(Hold.Cooldown, Some.Noon + Duration.FromSeconds(70));

    [Fact]
    public void A_gap_of_exactly_a_minute_between_two_deliveries_is_used() =>
        Some.Recipient.WhoGotOnesAt(Some.Noon - Duration.FromSeconds(10), Some.Noon + Duration.FromSeconds(50)).Decide(Some.Message)
            .ShouldBeHeld(Hold.Cooldown, Some.Noon + Duration.FromSeconds(20));

    [Fact]
    public void The_order_in_which_the_history_comes_does_not_matter() =>
        Some.Recipient.WhoGotOnesAt(Some.Noon, Some.Noon - Duration.FromMinutes(50), Some.Noon - Duration.FromMinutes(5)).Decide(Some.Message)
            .ShouldBeHeld(Hold.Cooldown, Some.Noon + Cooldown);

    [Fact]
    public void Two_messages_due_together_go_30_seconds_apart() =>
        Some.Recipient.DecideAll(Some.Messages(Lane.High, Lane.High)).Select(d => d.Decision)
            .ShouldBe([Decision.Deliver.Now, new Decision.Defer(Hold.Cooldown, Some.Noon + Cooldown)]);
}
