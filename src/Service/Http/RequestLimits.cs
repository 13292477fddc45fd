using System.Threading.RateLimiting;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Service.Http;

/// <summary>
/// How many requests each key may make in a minute. Each instance counts for itself, in minutes from its start; without keys all
/// callers count as one.
/// </summary>
public sealed class RequestLimits(Settings settings, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly long _started = time.GetTimestamp();

    /// <summary>
    /// Each minute of a key has a limiter of its own, which is thrown away when it has been idle for a while: the limiter itself tells of no
    /// refusal how much of its window is left.
    /// </summary>
    private readonly PartitionedRateLimiter<(int? Key, long Minute)>? _limiter = settings.RequestsPerMinute is not { } most ? null
        : PartitionedRateLimiter.Create<(int? Key, long Minute), (int? Key, long Minute)>(minute => RateLimitPartition.GetFixedWindowLimiter(
            minute, _ => new FixedWindowRateLimiterOptions { PermitLimit = most, Window = Minute, QueueLimit = 0 }));

    /// <summary>Counts the request; the seconds after which its caller may make another, or null: it may pass.</summary>
    public int? Count(Caller caller)
    {
        if (_limiter is null)
            return null;

        var (minutes, into) = Math.DivRem(time.GetElapsedTime(_started).Ticks, Minute.Ticks);
        using var lease = _limiter.AttemptAcquire((caller.Key, minutes));
        return lease.IsAcquired ? null : (int)Math.Ceiling(TimeSpan.FromTicks(Minute.Ticks - into).TotalSeconds);
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter?.Dispose();
}
