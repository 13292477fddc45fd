using System.Diagnostics;
using NodaTime;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Bench.Workload;

/// <summary>
/// The clock of one dispatcher, which starts when it is first asked and remembers each time. A dispatcher reads the time once a batch, so that what lies
/// between two questions is one batch.
/// </summary>
internal sealed class BatchClock
{
    private readonly List<TimeSpan> _asked = [];
    private long? _started;

    public BatchClock() => Clock = new DatabaseClock(() =>
    {
        var passed = Stopwatch.GetElapsedTime(_started ??= Stopwatch.GetTimestamp());
        _asked.Add(passed);
        return Noon.Start + Duration.FromTimeSpan(passed);
    });

    public DatabaseClock Clock { get; }

    /// <summary>Of each batch, after how many seconds it ended and how many milliseconds it took.</summary>
    public IReadOnlyList<(double At, double Took)> Batches =>
        [.. _asked.Zip(_asked.Skip(1), (begun, ended) => (ended.TotalSeconds, (ended - begun).TotalMilliseconds))];
}
