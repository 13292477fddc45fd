using System.Diagnostics;

namespace Orchestrator.Bench.Measuring;

/// <summary>Counts what this process sends to databases, as Npgsql tells it to whoever traces; a batch of statements is one command.</summary>
internal sealed class CommandCount : IDisposable
{
    private readonly ActivityListener _listener;
    private int _commands;

    public CommandCount()
    {
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name == "Npgsql",
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllData,
            ActivityStopped = Count,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public int Commands => _commands;

    public void Dispose() => _listener.Dispose();

    /// <summary>Opening a connection is an activity too, but has no text.</summary>
    private void Count(Activity activity)
    {
        if (activity.GetTagItem("db.query.text") is not null || activity.GetTagItem("db.statement") is not null)
            Interlocked.Increment(ref _commands);
    }
}
