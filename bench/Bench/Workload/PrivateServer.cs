using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Embedded.Postgres;

namespace Orchestrator.Bench.Workload;

/// <summary>A PostgreSQL started for the benchmarks alone, in a folder that goes with it; as durable as in production.</summary>
internal sealed class PrivateServer : IAsyncDisposable
{
    private readonly TemporaryFolder _folder;
    private readonly Lazy<Task> _stopped;

    private PrivateServer(TemporaryFolder folder, EmbeddedPostgres postgres)
    {
        _folder = folder;
        _stopped = new(() => postgres.DisposeAsync().AsTask());
        ConnectionString = postgres.ConnectionString;
    }

    public string ConnectionString { get; }

    /// <exception cref="EmbeddedPostgresException">PostgreSQL cannot be had.</exception>
    public static async Task<PrivateServer> StartAsync()
    {
        var folder = new TemporaryFolder();
        var options = new EmbeddedPostgresOptions
        {
            DataFolder = folder.Path,
            ServerSettings = new Dictionary<string, string>
            {
                ["shared_buffers"] = "512MB",
                ["max_wal_size"] = "4GB",
                // Statistics are there when a run says so, not when a daemon comes by.
                ["autovacuum"] = "off",
            },
        };
        return new PrivateServer(folder, await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None));
    }

    /// <summary>Stops it under whoever uses it, so that all fail.</summary>
    public Task StopAsync() => _stopped.Value;

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _folder.Dispose();
    }
}
