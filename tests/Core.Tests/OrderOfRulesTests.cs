namespace Orchestrator.Core.Tests;

/// <summary>What is told as the reason is the rule that holds the longest; what is told as the time is when all of them allow.</summary>
public sealed class OrderOfRulesTests
{
    // Midnight in UTC, in the default quiet hours.
    private static readonly Instant Midnight = Some.Utc("2026-03-04T00:00:00");
    private static readonly Instant Morning = Some.Utc("2026-03-04T08:00:00");
    private static readonly Instant Evening = Some.Utc("2026-03-04T18:00:00");

    private static readonly Recipient Unreachable = Some.Recipient with { HasPhoneNumber = false, OptedOut = true };

    private static readonly QueuedMessage Hopeless =
        Some.Message.InLane(Lane.Low).QueuedAt(Midnight).BestAt(Evening) with { HasContent = false, HasLostItsConversation = true };

    private static readonly QueuedMessage Low = Some.Message.InLane(Lane.Low).QueuedAt(Midnight).BestAt(Evening);

    private static Decision DecideBusy(Recipient recipient, QueuedMessage message) => recipient.Decide(message, Midnight, higherLanesDue: 101);

    [Fact]
    public void Expiry_comes_before_everything() =>
        DecideBusy(Unreachable, Hopeless.ExpiringAt(Midnight)).ShouldBe(Decision.Expire.Now);

    [Fact]
    public void Then_whether_the_user_has_a_number() =>
        DecideBusy(Unreachable, Hopeless).ShouldBe(new Decision.Fail(Failure.NoPhoneNumber));

    [Fact]
    public void Then_whether_the_user_has_opted_out() =>
        DecideBusy(Unreachable with { HasPhoneNumber = true }, Hopeless).ShouldBe(new Decision.Fail(Failure.OptedOut));

    [Fact]
    public void Then_whether_the_conversation_exists() =>
        DecideBusy(Some.Recipient, Hopeless).ShouldBe(new Decision.Fail(Failure.ConversationNotFound));

    [Fact]
    public void A_message_that_can_never_go_fails_at_once_and_does_not_wait_its_turn_first() =>
        DecideBusy(Unreachable.WhoGotOnesAt(Midnight), Low.NotBefore(Evening)).ShouldBe(new Decision.Fail(Failure.NoPhoneNumber));

    [Fact]
    public void Then_the_time_the_caller_set() =>
        DecideBusy(Some.Recipient.WithoutQuietHours(), Low.ThatCannotWait().NotBefore(Evening)).ShouldBeHeld(Hold.NotBefore, Evening);

    [Fact]
    public void Then_cooldown_limits_quiet_hours_queue_and_best_time_of_which_the_one_that_holds_longest_is_told()
    {
        // Cooldown for 30 seconds, then the hour is full until one, then the day, of which eight hours are quiet, then it is not the best time.
        Told(Held).ShouldBe(Hold.DailyLimit);
        Told(Held.WithDailyLimit(9)).ShouldBe(Hold.BestTime);
        DecideBusy(Held.WithDailyLimit(9), Low.ThatCannotWait()).ShouldBeHeld(Hold.QuietHours, Morning);
        DecideBusy(Held.WithDailyLimit(9).WithoutQuietHours(), Low.ThatCannotWait()).ShouldBeHeld(Hold.HourlyLimit, Midnight + Duration.FromHours(1));
        DecideBusy(Some.Recipient.WhoGotOnesAt(Midnight).WithoutQuietHours(), Low.ThatCannotWait()).ShouldBeHeld(Hold.Cooldown, Midnight + Duration.FromSeconds(30));
        DecideBusy(Some.Recipient.WithoutQuietHours(), Low.BestAt(Midnight)).ShouldBeHeld(Hold.QueueBusy, Midnight + Duration.FromMinutes(5));
    }

    [Fact]
    public void The_callers_own_time_is_told_only_where_no_other_rule_comes_after_it()
    {
        var tomorrow = Evening + Duration.FromHours(20);
        var message = Some.Message.QueuedAt(Midnight);

        DecideBusy(Some.Recipient, message.NotBefore(Evening)).ShouldBeHeld(Hold.NotBefore, Evening);
        DecideBusy(Some.Recipient, message.NotBefore(Midnight + Duration.FromHours(7))).ShouldBeHeld(Hold.QuietHours, Morning);
        DecideBusy(Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(tomorrow), message.NotBefore(tomorrow))
            .ShouldBeHeld(Hold.HourlyLimit, tomorrow + Duration.FromHours(1));
    }

    [Fact]
    public void One_that_expires_before_all_rules_allow_is_told_so()
    {
        var decision = DecideBusy(Some.Recipient, Some.Message.QueuedAt(Midnight).ExpiringAt(Morning)).ShouldBeOfType<Decision.Defer>();

        decision.ShouldBe(new Decision.Defer(Hold.QuietHours, Morning, Expires: true));
        decision.Sentence.ShouldBe("It waits for the end of the user's quiet hours. It expires before it may go.");
        Reasons.SentenceOf("quiet_hours", until: Morning, expiresAt: Morning).ShouldBe(decision.Sentence);
        Reasons.SentenceOf("quiet_hours", until: Morning, expiresAt: Evening).ShouldBe(Hold.QuietHours.Sentence());
        Reasons.SentenceOf("rendering", until: Morning, expiresAt: Morning).ShouldBe(Reasons.RenderingSentence);
    }

    [Fact]
    public void A_rule_that_allowed_may_object_later_and_is_asked_again()
    {
        // Not quiet now; the hour frees up at 22:30, within the night; by the morning the day allows as well.
        var now = Some.Utc("2026-03-03T21:45:00");
        var recipient = Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(now - Duration.FromMinutes(15));

        recipient.Decide(Some.Message, now).ShouldBeHeld(Hold.QuietHours, Morning);
    }

    private static Recipient Held => Some.Recipient.WithHourlyLimit(1).WithDailyLimit(1).WhoGotOnesAt(Midnight);

    private static Hold Told(Recipient recipient) => DecideBusy(recipient, Low).ShouldBeOfType<Decision.Defer>().By;
}
