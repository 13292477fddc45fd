namespace Orchestrator.Service.Postgres;

/// <summary>Whether the database has been reached and brought to the newest shape since this process started.</summary>
public sealed class DatabaseReadiness
{
    private readonly TaskCompletionSource _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>False until the first migration has succeeded; nothing is accepted or dispatched before.</summary>
    public bool IsReady => _ready.Task.IsCompletedSuccessfully;

    /// <summary>Completes when the database is ready.</summary>
    public Task WhenReadyAsync(CancellationToken cancellationToken) => _ready.Task.WaitAsync(cancellationToken);

    internal void Declare() => _ready.TrySetResult();
}
