using System.Threading.RateLimiting;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Service.Http;

/// <summary>
/// How many requests each key may make in a minute. Each instance counts for itself, and a minute begins with a key's first request; without
/// keys all callers count as one.
/// </summary>
public sealed class RequestLimits(Settings settings) : IDisposable
{
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);

    private readonly PartitionedRateLimiter<Caller>? _limiter = settings.RequestsPerMinute is not { } most ? null
        : PartitionedRateLimiter.Create<Caller, int>(caller => RateLimitPartition.GetFixedWindowLimiter(
            caller.Key ?? -1, _ => new FixedWindowRateLimiterOptions { PermitLimit = most, Window = Minute, QueueLimit = 0 }));

    /// <summary>Counts the request; the seconds that its caller has to wait, or null: it may pass.</summary>
    public int? Count(Caller caller)
    {
        if (_limiter is null)
            return null;

        using var lease = _limiter.AttemptAcquire(caller);
        if (lease.IsAcquired)
            return null;
        var wait = lease.TryGetMetadata(MetadataName.RetryAfter, out var left) ? left : Minute;
        return Math.Clamp((int)Math.Ceiling(wait.TotalSeconds), 1, 60);
    }

    /// <inheritdoc/>
    public void Dispose() => _limiter?.Dispose();
}
