namespace Orchestrator.Core.Tests;

/// <summary>What is told as the reason is the first rule that holds; what is told as the time is when all of them allow.</summary>
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
        DecideBusy(Held, Low.NotBefore(Midnight + Duration.Epsilon)).ShouldBeOfType<Decision.Defer>().By.ShouldBe(Hold.NotBefore);

    [Fact]
    public void Then_cooldown_hourly_limit_daily_limit_quiet_hours_queue_best_time()
    {
        var recipient = Held;
        Told(recipient).ShouldBe(Hold.Cooldown);

        recipient = recipient.WhoGotOnesAt(Midnight + Duration.FromSeconds(30), Midnight - Duration.FromSeconds(30));
        Told(recipient).ShouldBe(Hold.HourlyLimit);

        recipient = recipient.WithHourlyLimit(9);
        Told(recipient).ShouldBe(Hold.DailyLimit);

        recipient = recipient.WithDailyLimit(9);
        Told(recipient).ShouldBe(Hold.QuietHours);

        recipient = recipient.WithoutQuietHours();
        Told(recipient).ShouldBe(Hold.QueueBusy);

        recipient.Decide(Low, Midnight).ShouldBeHeld(Hold.BestTime, Evening);
        recipient.Decide(Low.ThatCannotWait(), Midnight).ShouldBeDelivered();
    }

    [Fact]
    public void The_time_told_is_when_all_rules_allow_whichever_rule_is_told()
    {
        // Cooldown for 30 seconds, then the hour is full, then the day, then it is night, then it is not the best time.
        var now = Some.Utc("2026-03-03T21:00:00");
        var recipient = Some.Recipient.WithHourlyLimit(1).WithDailyLimit(1).WhoGotOnesAt(now);

        recipient.Decide(Some.Message.QueuedAt(now), now).ShouldBeHeld(Hold.Cooldown, Morning);
        recipient.Decide(Low.QueuedAt(now), now).ShouldBeHeld(Hold.Cooldown, Evening);
    }

    [Fact]
    public void A_rule_that_allowed_may_object_later_and_is_asked_again()
    {
        // Not quiet now; the hour frees up at 22:30, within the night; by the morning the day allows as well.
        var now = Some.Utc("2026-03-03T21:45:00");
        var recipient = Some.Recipient.WithHourlyLimit(1).WhoGotOnesAt(now - Duration.FromMinutes(15));

        recipient.Decide(Some.Message, now).ShouldBeHeld(Hold.HourlyLimit, Morning);
    }

    private static Recipient Held => Some.Recipient.WithHourlyLimit(1).WithDailyLimit(1).WhoGotOnesAt(Midnight);

    private static Hold Told(Recipient recipient) => DecideBusy(recipient, Low).ShouldBeOfType<Decision.Defer>().By;
}
