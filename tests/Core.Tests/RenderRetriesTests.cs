namespace Orchestrator.Core.Tests;

public sealed class RenderRetriesTests
{
    [Theory]
    [InlineData(1, 5)]
    [InlineData(2, 30)]
    [InlineData(3, 120)]
    [InlineData(4, null)]
    public void A_message_is_tried_four_times_with_growing_waits(int failures, int? seconds) =>
        RenderRetries.Next(failures, retryAfter: null, Some.Noon).ShouldBe(seconds is { } s ? Some.Noon + Duration.FromSeconds(s) : null);

    [Theory]
    [InlineData(1, 5)]
    [InlineData(60, 60)]
    [InlineData(3600, 300)]
    public void What_the_model_asks_for_lengthens_a_wait_within_reason(int asked, int seconds) =>
        RenderRetries.Next(1, Duration.FromSeconds(asked), Some.Noon).ShouldBe(Some.Noon + Duration.FromSeconds(seconds));

    [Theory]
    [InlineData(0, 10)]
    [InlineData(20, 20)]
    [InlineData(100, 60)]
    [InlineData(299, 60)]
    [InlineData(300, null)]
    public void For_a_model_that_is_left_alone_a_message_waits_longer_each_time_and_five_minutes_in_all(int waited, int? seconds)
    {
        var now = Some.Noon + Duration.FromSeconds(waited);

        RenderRetries.AfterPause(Some.Noon, now).ShouldBe(seconds is { } s ? now + Duration.FromSeconds(s) : null);
    }
}
