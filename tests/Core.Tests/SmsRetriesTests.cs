namespace Orchestrator.Core.Tests;

public sealed class SmsRetriesTests
{
    private static readonly Instant Now = Instant.FromUtc(2025, 10, 15, 16, 0);

    [Fact]
    public void Each_wait_for_another_try_is_longer_than_the_one_before_and_after_the_last_there_is_none()
    {
        var waits = Enumerable.Range(1, 5).Select(attempt => SmsRetries.NextTry(attempt, 6, null, Now)!.Value - Now).ToList();

        waits.ShouldBe(waits.Order());
        waits.Distinct().Count().ShouldBe(waits.Count);
        SmsRetries.NextTry(6, 6, null, Now).ShouldBeNull();
        SmsRetries.NextTry(7, 6, Duration.FromHours(1), Now).ShouldBeNull();
    }

    [Fact]
    public void What_the_provider_asks_for_lengthens_a_wait_and_never_shortens_it_and_is_bounded()
    {
        SmsRetries.NextTry(1, 5, Duration.FromMinutes(10), Now).ShouldBe(Now + Duration.FromMinutes(10));
        SmsRetries.NextTry(1, 5, Duration.FromSeconds(1), Now).ShouldBe(Now + Duration.FromMinutes(1));
        SmsRetries.NextTry(1, 5, Duration.FromDays(365), Now).ShouldBe(Now + Duration.FromHours(4));
    }

    [Fact]
    public void Stops_grow_up_to_five_minutes()
    {
        var stops = Enumerable.Range(0, 2000).Select(SmsRetries.Stop).ToList();

        stops.ShouldBe(stops.Order());
        stops[0].ShouldBe(Duration.FromSeconds(15));
        stops[^1].ShouldBe(Duration.FromMinutes(5));
    }

    [Fact]
    public void An_unknown_outcome_is_asked_about_seldomer_the_longer_it_is_unknown()
    {
        var at = Now;
        var looks = new List<Duration>();
        for (var i = 0; i < 30; i++)
        {
            var next = SmsRetries.NextLook(Now, at);
            looks.Add(next - at);
            at = next;
        }

        looks.ShouldBe(looks.Order());
        looks[0].ShouldBe(Duration.FromSeconds(5));
        looks[^1].ShouldBe(Duration.FromMinutes(15));
        // A clock that was set back brings no look sooner than that.
        SmsRetries.NextLook(Now, Now - Duration.FromHours(1)).ShouldBe(Now - Duration.FromHours(1) + Duration.FromSeconds(5));
    }
}
