using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Tests.Rendering;

public sealed class ModelBreakerTests
{
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    private readonly ManualTime _time = new();
    private readonly ModelBreaker _breaker;

    public ModelBreakerTests() => _breaker = new ModelBreaker(_time);

    private void Note(ModelFaultKind? fault, int times = 1)
    {
        for (var i = 0; i < times; i++)
            _breaker.Note(fault);
    }

    [Theory]
    [InlineData(ModelFaultKind.Unavailable)]
    [InlineData(ModelFaultKind.TimedOut)]
    [InlineData(ModelFaultKind.RateLimited)]
    [InlineData(ModelFaultKind.Rejected)]
    public void It_opens_with_the_fifth_fault_in_a_row_that_concerns_everybody(ModelFaultKind fault)
    {
        Note(fault, times: 4);
        _breaker.IsOpen.ShouldBeFalse();
        Note(fault);
        _breaker.IsOpen.ShouldBeTrue();
    }

    [Theory]
    [InlineData(ModelFaultKind.Unacceptable)]
    [InlineData(ModelFaultKind.Refused)]
    [InlineData(ModelFaultKind.CutOff)]
    [InlineData(ModelFaultKind.Empty)]
    [InlineData(ModelFaultKind.TooLong)]
    [InlineData(ModelFaultKind.Unfit)]
    [InlineData(ModelFaultKind.Malformed)]
    [InlineData(null)]
    public void An_answer_of_any_sort_says_that_the_model_is_there(ModelFaultKind? fault)
    {
        Note(fault, times: 20);
        _breaker.IsOpen.ShouldBeFalse();

        Note(ModelFaultKind.Unavailable, times: 4);
        Note(fault);
        Note(ModelFaultKind.Unavailable, times: 4);
        _breaker.IsOpen.ShouldBeFalse();
    }

    [Fact]
    public void After_the_rest_one_call_finds_out_and_the_others_wait_for_it()
    {
        Note(ModelFaultKind.TimedOut, times: 5);
        _time.Pass(Rest - TimeSpan.FromSeconds(1));
        _breaker.IsOpen.ShouldBeTrue();

        _time.Pass(TimeSpan.FromSeconds(1));

        _breaker.IsOpen.ShouldBeFalse("this is the call that finds out");
        _breaker.IsOpen.ShouldBeTrue();
    }

    [Fact]
    public void Where_that_call_fails_there_is_another_rest_and_where_it_is_answered_none()
    {
        Note(ModelFaultKind.TimedOut, times: 5);
        _time.Pass(Rest);
        _breaker.IsOpen.ShouldBeFalse();
        Note(ModelFaultKind.TimedOut);
        _breaker.IsOpen.ShouldBeTrue();

        _time.Pass(Rest);
        _breaker.IsOpen.ShouldBeFalse();
        Note(fault: null);
        _breaker.IsOpen.ShouldBeFalse();
    }

    [Fact]
    public void Where_that_call_is_never_heard_of_another_finds_out_after_another_rest()
    {
        Note(ModelFaultKind.TimedOut, times: 5);
        _time.Pass(Rest);
        _breaker.IsOpen.ShouldBeFalse();

        _time.Pass(Rest);

        _breaker.IsOpen.ShouldBeFalse();
    }

    [Fact]
    public void A_rest_that_the_model_has_asked_for_goes_on_though_a_call_that_was_under_way_is_answered()
    {
        for (var n = 0; n < 5; n++)
            _breaker.Note(ModelFaultKind.RateLimited, TimeSpan.FromSeconds(60));
        Note(fault: null);
        _breaker.Hands(8).ShouldBe(0);

        _time.Pass(TimeSpan.FromSeconds(60));

        _breaker.Hands(8).ShouldBe(8);
    }

    [Fact]
    public void While_it_rests_no_hand_is_free_after_it_one_and_after_five_minutes_without_an_answer_all()
    {
        Note(ModelFaultKind.Unavailable, times: 5);
        _breaker.Hands(8).ShouldBe(0);
        _time.Pass(Rest);
        _breaker.Hands(8).ShouldBe(1);
        for (var n = 0; n < 30; n++)
        {
            Note(ModelFaultKind.Unavailable);
            _time.Pass(Rest);
        }

        _breaker.HasGivenUp.ShouldBeTrue();
        _breaker.Hands(8).ShouldBe(8);
        _time.Pass(TimeSpan.FromMinutes(6));
        _breaker.HasGivenUp.ShouldBeFalse("nobody has asked for so long that nobody knows");
    }
}
