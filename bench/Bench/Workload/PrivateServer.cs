using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Embedded.Postgres;

namespace Orchestrator.Bench.Workload;

/// <summary>A PostgreSQL started for the benchmarks alone, in a folder that goes with it; as durable as in production.</summary>
internal sealed class PrivateServer : IAsyncDisposable
{
    private readonly string _folder;
    private readonly EmbeddedPostgres _postgres;

    private PrivateServer(string folder, EmbeddedPostgres postgres) => (_folder, _postgres) = (folder, postgres);

    public string ConnectionString => _postgres.ConnectionString;

    /// <exception cref="EmbeddedPostgresException">PostgreSQL cannot be had.</exception>
    public static async Task<PrivateServer> StartAsync()
    {
        var folder = Directory.CreateTempSubdirectory("orchestrator-bench-").FullName;
        // Root runs PostgreSQL as another user: one that may not enter has its data elsewhere, and nobody deletes them in the end.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(folder, File.GetUnixFileMode(folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        var options = new EmbeddedPostgresOptions
        {
            DataFolder = folder,
            ServerSettings = new Dictionary<string, string> { ["shared_buffers"] = "512MB", ["max_wal_size"] = "4GB" },
        };
        return new PrivateServer(folder, await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, CancellationToken.None));
    }

    public async ValueTask DisposeAsync()
    {
        await _postgres.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }
}
