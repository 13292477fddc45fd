namespace Orchestrator.Core.Tests;

public sealed class SmsProgressTests
{
    private static bool IsNews(
        SmsState current, SmsState reported, string? known = "SM1", string sid = "SM1", int attempts = 1, int? attempt = 1, bool isDelivery = false) =>
        SmsProgress.IsNews(current, known, attempts, reported, isDelivery, sid, attempt);

    [Theory]
    [InlineData(SmsState.Sending, SmsState.Sent, true)]
    [InlineData(SmsState.Sending, SmsState.Ended, true)]
    [InlineData(SmsState.Sent, SmsState.Sent, false)]
    [InlineData(SmsState.Sent, SmsState.Ended, true)]
    [InlineData(SmsState.Ended, SmsState.Sent, false)]
    [InlineData(SmsState.Ended, SmsState.Ended, false)]
    public void A_state_never_moves_backwards(SmsState current, SmsState reported, bool isNews) => IsNews(current, reported).ShouldBe(isNews);

    [Fact]
    public void A_report_of_another_SMS_is_no_news() => IsNews(SmsState.Sent, SmsState.Ended, sid: "SM2").ShouldBeFalse();

    [Fact]
    public void As_long_as_no_id_is_known_the_number_of_the_try_decides()
    {
        IsNews(SmsState.Sending, SmsState.Sent, known: null).ShouldBeTrue();
        IsNews(SmsState.Sending, SmsState.Sent, known: null, attempts: 2, attempt: 1).ShouldBeFalse();
        IsNews(SmsState.Sending, SmsState.Sent, known: null, attempt: null).ShouldBeFalse();
        IsNews(SmsState.Pending, SmsState.Sent, known: null).ShouldBeTrue("it counted as lost and was not");
        IsNews(SmsState.Ended, SmsState.Ended, known: null, isDelivery: true).ShouldBeTrue("it was given up as unknown and arrived");
    }

    [Fact]
    public void Of_a_message_that_waits_for_another_try_after_it_was_taken_only_its_arrival_is_news()
    {
        IsNews(SmsState.Pending, SmsState.Ended).ShouldBeFalse();
        IsNews(SmsState.Pending, SmsState.Sent).ShouldBeFalse();
        IsNews(SmsState.Pending, SmsState.Ended, isDelivery: true).ShouldBeTrue();
    }
}
