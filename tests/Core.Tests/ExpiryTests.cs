namespace Orchestrator.Core.Tests;

public sealed class ExpiryTests
{
    [Fact]
    public void A_message_that_expires_at_this_very_instant_is_expired() =>
        Some.Recipient.Decide(Some.Message.ExpiringAt(Some.Noon)).ShouldBe(Decision.Expire.Now);

    [Fact]
    public void A_message_that_expired_long_ago_is_expired() =>
        Some.Recipient.Decide(Some.Message.ExpiringAt(Some.Noon - Duration.FromDays(400))).ShouldBe(Decision.Expire.Now);

    [Fact]
    public void A_message_is_delivered_up_to_the_last_instant_before_it_expires() =>
        Some.Recipient.Decide(Some.Message.ExpiringAt(Some.Noon + Duration.Epsilon)).ShouldBeDelivered();

    [Fact]
    public void A_message_that_would_expire_before_its_next_slot_waits_for_its_expiry_not_for_the_slot()
    {
        var expiry = Some.Noon + Duration.FromSeconds(20);

        Some.Recipient.WhoGotOnesAt(Some.Noon).Decide(Some.Message.ExpiringAt(expiry)).ShouldBeHeld(Hold.Cooldown, expiry, expires: true);
    }

    [Fact]
    public void A_message_that_expires_exactly_when_its_slot_comes_is_not_promised_that_slot()
    {
        var slot = Some.Noon + Duration.FromSeconds(30);
        var recipient = Some.Recipient.WhoGotOnesAt(Some.Noon);

        recipient.Decide(Some.Message.ExpiringAt(slot)).ShouldBeHeld(Hold.Cooldown, slot, expires: true);
        recipient.Decide(Some.Message.ExpiringAt(slot), at: slot).ShouldBe(Decision.Expire.Now);
    }

    [Fact]
    public void A_message_that_will_expire_first_leaves_its_slot_to_the_next_one()
    {
        var slot = Some.Noon + Duration.FromSeconds(30);
        var policy = new DeliveryPolicy(Some.Recipient.WhoGotOnesAt(Some.Noon), Some.Rules);

        policy.Decide(Some.Message.ExpiringAt(slot), Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeHeld(Hold.Cooldown, slot);
    }

    [Fact]
    public void An_expired_message_takes_no_slot()
    {
        var policy = new DeliveryPolicy(Some.Recipient, Some.Rules);

        policy.Decide(Some.Message.ExpiringAt(Some.Noon), Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeDelivered();
    }
}
