using Orchestrator.Service.Configuration;
using Orchestrator.Service.Http;
using Orchestrator.Service.Tests.Rendering;

namespace Orchestrator.Service.Tests.Http;

public sealed class RequestLimitsTests
{
    private static readonly Caller First = new(0, null);

    private static readonly Caller Second = new(1, null);

    private readonly ManualTime _time = new();

    private RequestLimits Limits(int most, params string[] keys) =>
        new(new Settings { RequestsPerMinute = most, ApiKeys = [.. keys.Select(key => new ApiKey(null, key))] }, _time);

    [Fact]
    public void Whoever_is_refused_is_told_the_seconds_until_the_next_request_passes_and_then_it_does()
    {
        using var limits = Limits(2, "k1");
        limits.Count(First).ShouldBeNull();
        _time.Pass(TimeSpan.FromSeconds(20.5));
        limits.Count(First).ShouldBeNull();

        var wait = limits.Count(First).ShouldNotBeNull();
        wait.ShouldBe(40);
        _time.Pass(TimeSpan.FromSeconds(39));
        limits.Count(First).ShouldBe(1);
        _time.Pass(TimeSpan.FromSeconds(1));

        limits.Count(First).ShouldBeNull();
        limits.Count(First).ShouldBeNull();
        limits.Count(First).ShouldBe(60);
    }

    [Fact]
    public void Minutes_are_counted_from_the_start_whoever_calls_first_in_them()
    {
        using var limits = Limits(1, "k1", "k2");
        _time.Pass(TimeSpan.FromSeconds(100));
        limits.Count(First).ShouldBeNull();
        _time.Pass(TimeSpan.FromSeconds(15));
        limits.Count(Second).ShouldBeNull();

        limits.Count(First).ShouldBe(5);
        limits.Count(Second).ShouldBe(5);
    }

    [Fact]
    public void Each_key_has_a_minute_of_its_own_and_without_keys_all_share_one()
    {
        using var limits = Limits(1, "k1", "k2");
        limits.Count(First).ShouldBeNull();
        limits.Count(Second).ShouldBeNull();
        limits.Count(First).ShouldNotBeNull();

        using var shared = Limits(1);
        shared.Count(new Caller(null, null)).ShouldBeNull();
        shared.Count(new Caller(null, null)).ShouldNotBeNull();
    }
}
