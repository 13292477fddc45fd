namespace Orchestrator.Service.Rendering;

/// <summary>
/// Leaves a model alone that has failed several times in a row, so that messages which wait for it get their retries without each waiting for
/// a time-out. Faults of single answers do not count: the model is there.
/// </summary>
public sealed class ModelBreaker(TimeProvider time)
{
    private const int Threshold = 5;

    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private int _failures;
    private long _openedAt;

    /// <summary>Whether the model is left alone. After the rest one call finds out whether it is back.</summary>
    public bool IsOpen
    {
        get
        {
            lock (_lock)
            {
                if (_failures < Threshold)
                    return false;
                if (time.GetElapsedTime(_openedAt) < Rest)
                    return true;
                // The caller is the one that finds out; others wait for its answer, or for another rest.
                _openedAt = time.GetTimestamp();
                return false;
            }
        }
    }

    /// <summary>Notes what came of a call.</summary>
    /// <param name="fault">The fault; null: an answer.</param>
    internal void Note(ModelFaultKind? fault)
    {
        lock (_lock)
        {
            if (fault is not (ModelFaultKind.Unavailable or ModelFaultKind.TimedOut or ModelFaultKind.RateLimited or ModelFaultKind.Rejected))
                _failures = 0;
            else if (++_failures == Threshold)
                _openedAt = time.GetTimestamp();
        }
    }
}
