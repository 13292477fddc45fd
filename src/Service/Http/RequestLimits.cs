using Orchestrator.Service.Configuration;

namespace Orchestrator.Service.Http;

/// <summary>
/// How many requests each key may make in a minute. Each instance counts for itself, and a minute begins with a key's first request; without
/// keys all callers count as one.
/// </summary>
public sealed class RequestLimits(Settings settings, TimeProvider time)
{
    private readonly KeysMinute[] _minutes = [.. Enumerable.Range(0, Math.Max(1, settings.ApiKeys.Count)).Select(_ => new KeysMinute())];

    /// <summary>Counts the request; the seconds after which its caller may make another, or null: it may pass.</summary>
    public int? Count(Caller caller) => settings.RequestsPerMinute is { } most ? _minutes[caller.Key ?? 0].Count(most, time) : null;

    /// <summary>The minute of one key, and how many requests it has made in it.</summary>
    private sealed class KeysMinute
    {
        private readonly Lock _lock = new();
        private long _began;
        private int _count;

        public int? Count(int most, TimeProvider time)
        {
            lock (_lock)
            {
                var left = TimeSpan.FromMinutes(1) - time.GetElapsedTime(_began);
                if (_count == 0 || left <= TimeSpan.Zero)
                {
                    _began = time.GetTimestamp();
                    _count = 0;
                }

                if (_count == most)
                    return (int)Math.Ceiling(left.TotalSeconds);
                _count++;
                return null;
            }
        }
    }
}
