namespace Orchestrator.Bench.Workload;

/// <summary>A database of one run; dropped when disposed of.</summary>
/// <param name="connectionString">How Npgsql reaches it.</param>
/// <param name="drop">Drops it.</param>
internal sealed class DatabaseCopy(string connectionString, Func<Task> drop) : IAsyncDisposable
{
    public string ConnectionString => connectionString;

    public async ValueTask DisposeAsync() => await drop();
}
