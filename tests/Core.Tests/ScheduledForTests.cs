namespace Orchestrator.Core.Tests;

public sealed class ScheduledForTests
{
    private static readonly Instant AtOne = Some.Noon + Duration.FromHours(1);

    public static TheoryData<Lane> Lanes => [.. Enum.GetValues<Lane>()];

    [Theory, MemberData(nameof(Lanes))]
    public void A_message_is_never_delivered_before_the_time_the_caller_set(Lane lane) =>
        Some.Recipient.Decide(Some.Message.InLane(lane).ThatCannotWait().NotBefore(AtOne)).ShouldBeHeld(Hold.NotBefore, AtOne);

    [Fact]
    public void An_active_user_is_not_exempt() =>
        Some.Recipient.WhoWroteAt(Some.Noon).Decide(Some.Message.NotBefore(AtOne)).ShouldBeHeld(Hold.NotBefore, AtOne);

    [Fact]
    public void At_that_time_sharp_it_goes()
    {
        Some.Recipient.Decide(Some.Message.NotBefore(AtOne), at: AtOne).ShouldBeDelivered();
        Some.Recipient.Decide(Some.Message.NotBefore(AtOne), at: AtOne - Duration.Epsilon).ShouldBeHeld(Hold.NotBefore, AtOne);
    }

    [Fact]
    public void A_time_within_quiet_hours_moves_to_their_end() =>
        Some.Recipient.Decide(Some.Message.NotBefore(Some.Utc("2026-03-03T23:00:00")))
            .ShouldBeHeld(Hold.QuietHours, Some.Utc("2026-03-04T08:00:00"));

    [Fact]
    public void A_time_at_or_after_the_expiry_is_never_waited_for()
    {
        var expiry = AtOne - Duration.FromMinutes(1);

        Some.Recipient.Decide(Some.Message.NotBefore(AtOne).ExpiringAt(expiry)).ShouldBeHeld(Hold.NotBefore, expiry, expires: true);
    }
}
