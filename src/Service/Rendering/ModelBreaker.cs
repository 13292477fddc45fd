namespace Orchestrator.Service.Rendering;

/// <summary>
/// Leaves a model alone that has failed several times in a row, or that asks for it, so that messages which wait for it do not each wait for a
/// time-out and are not used up by faults that are not theirs. Faults of single answers do not count: the model is there.
/// </summary>
public sealed class ModelBreaker(TimeProvider time)
{
    private const int Threshold = 5;

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestRest = TimeSpan.FromMinutes(5);

    /// <summary>How long the model may fail for everybody until nobody waits for it any more.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>After so long without a call, what was known of the model is old.</summary>
    private static readonly TimeSpan Silence = LongestRest + TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private int _failures;
    private long _failingSince;
    private long _lastFailure;
    private Pause _rest;
    private Pause _asked;

    /// <summary>Whether the model is left alone. After the rest one call finds out whether it is back.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_lock)
            {
                if (IsResting)
                    return true;
                // The caller is the one that finds out; others wait for its answer, or for another rest.
                if (_failures >= Threshold)
                    _rest = new Pause(time.GetTimestamp(), Rest);
                return false;
            }
        }
    }

    /// <summary>Whether it has answered nobody for so long that messages are decided without it. Each rest is still followed by one call.</summary>
    public bool HasGivenUp
    {
        get
        {
            lock (_lock)
                return IsGivenUp;
        }
    }

    /// <summary>How many calls may be made at once now.</summary>
    /// <param name="most">How many may be made of a model that answers.</param>
    internal int Hands(int most)
    {
        lock (_lock)
            return IsGivenUp ? most : IsResting ? 0 : _failures >= Threshold ? Math.Min(1, most) : most;
    }

    /// <summary>Notes what came of a call.</summary>
    /// <param name="fault">The fault; null: an answer.</param>
    /// <param name="retryAfter">How long the model wants to be left alone; null: it does not say.</param>
    internal void Note(ModelFaultKind? fault, TimeSpan? retryAfter = null)
    {
        lock (_lock)
        {
            if (fault is not (ModelFaultKind.Unavailable or ModelFaultKind.TimedOut or ModelFaultKind.RateLimited or ModelFaultKind.Rejected))
            {
                // The rest was for those who waited for this call. One that the model has asked for goes on.
                _rest = default;
                _failures = 0;
                return;
            }

            if (_failures++ == 0 || IsSilent)
                _failingSince = time.GetTimestamp();
            _lastFailure = time.GetTimestamp();
            if (_failures >= Threshold)
                _rest = new Pause(time.GetTimestamp(), Rest);
            var wanted = retryAfter < LongestRest ? retryAfter.Value : retryAfter is null ? TimeSpan.Zero : LongestRest;
            if (wanted > Left(_asked))
                _asked = new Pause(time.GetTimestamp(), wanted);
        }
    }

    private bool IsGivenUp => _failures >= Threshold && !IsSilent && time.GetElapsedTime(_failingSince) >= Patience;

    private bool IsSilent => time.GetElapsedTime(_lastFailure) >= Silence;

    private bool IsResting => Left(_rest) > TimeSpan.Zero || Left(_asked) > TimeSpan.Zero;

    private TimeSpan Left(Pause pause) => pause.Length - time.GetElapsedTime(pause.Since);

    /// <summary>A time in which no call is made.</summary>
    private readonly record struct Pause(long Since, TimeSpan Length);
}
