namespace Orchestrator.Core.Tests;

public sealed class ReachabilityTests
{
    [Fact]
    public void A_message_to_somebody_without_a_phone_number_fails() =>
        (Some.Recipient with { HasPhoneNumber = false }).Decide(Some.Message).ShouldBe(new Decision.Fail(Failure.NoPhoneNumber));

    [Fact]
    public void A_message_to_somebody_who_has_opted_out_fails() =>
        (Some.Recipient with { OptedOut = true }).Decide(Some.Message).ShouldBe(new Decision.Fail(Failure.OptedOut));

    [Fact]
    public void Having_written_a_minute_ago_does_not_undo_an_opt_out() =>
        (Some.Recipient with { OptedOut = true }).WhoWroteAt(Some.Noon - Duration.FromMinutes(1)).Decide(Some.Message)
            .ShouldBe(new Decision.Fail(Failure.OptedOut));

    [Fact]
    public void A_message_whose_conversation_has_vanished_fails() =>
        Some.Recipient.Decide(Some.Message with { HasLostItsConversation = true })
            .ShouldBe(new Decision.Fail(Failure.ConversationNotFound));

    [Fact]
    public void A_message_without_content_fails() =>
        Some.Recipient.Decide(Some.Message with { HasContent = false }).ShouldBe(new Decision.Fail(Failure.NoContent));

    [Fact]
    public void A_failed_message_takes_no_slot()
    {
        var policy = new DeliveryPolicy(Some.Recipient, Some.Rules);

        policy.Decide(Some.Message with { HasContent = false }, Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeDelivered();
    }
}
