using System.Globalization;

namespace Orchestrator.Chaos.Tests;

/// <summary>How long a run is, and what it follows from.</summary>
/// <param name="Seed">What every choice follows from. When things happen is the machine's doing, so a run is not the same again, but alike.</param>
/// <param name="Duration">How long things go wrong.</param>
/// <param name="Instances">How many instances there are.</param>
/// <param name="IsLong">Whether leases and waits are waited for, instead of being wound forward when everybody is dead.</param>
public sealed record ChaosOptions(int Seed, TimeSpan Duration, int Instances, bool IsLong)
{
    private static readonly TimeSpan Short = TimeSpan.FromSeconds(16);

    /// <summary>From the environment: <c>CHAOS_SEED</c>, <c>CHAOS_MINUTES</c>, <c>CHAOS_INSTANCES</c>.</summary>
    public static ChaosOptions Read()
    {
        var minutes = Number("CHAOS_MINUTES");
        return new ChaosOptions(
            Number("CHAOS_SEED") ?? Random.Shared.Next(1, 1_000_000),
            minutes is { } number ? TimeSpan.FromMinutes(number) : Short,
            Number("CHAOS_INSTANCES") ?? 3,
            IsLong: minutes is not null);
    }

    /// <summary>How long nothing happens, at most.</summary>
    public TimeSpan LongestPause => TimeSpan.FromSeconds(IsLong ? 4 : 1.2);

    /// <summary>How long an instance is suspended at most: in a long run, longer than any lease.</summary>
    public TimeSpan LongestStop => TimeSpan.FromSeconds(IsLong ? 45 : 7);

    /// <summary>How long everything may take to come to an end afterwards.</summary>
    public TimeSpan Patience => IsLong ? TimeSpan.FromMinutes(15) : TimeSpan.FromSeconds(90);

    /// <summary>How long callers go on asking for answers that they never got.</summary>
    public TimeSpan LastRequests => TimeSpan.FromSeconds(IsLong ? 60 : 8);

    private static int? Number(string name) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
