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
    [InlineData(null, 10)]
    [InlineData(3, 10)]
    [InlineData(90, 90)]
    [InlineData(3600, 300)]
    public void A_model_that_is_left_alone_is_asked_again_when_it_says_but_not_at_once_nor_after_hours(int? retryAfter, int seconds) =>
        RenderRetries.AfterPause(retryAfter is { } s ? Duration.FromSeconds(s) : null, Some.Noon).ShouldBe(Some.Noon + Duration.FromSeconds(seconds));
}
