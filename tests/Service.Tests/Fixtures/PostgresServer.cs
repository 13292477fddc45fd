using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Embedded.Postgres;
using Orchestrator.Service.Postgres;

[assembly: AssemblyFixture(typeof(Orchestrator.Service.Tests.PostgresServer))]

namespace Orchestrator.Service.Tests;

/// <summary>A real PostgreSQL for all tests of the assembly, and in it a database migrated once, from which each test's is cloned.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string Template = "migrated_template";

    private readonly string _folder = Directory.CreateTempSubdirectory("orchestrator-").FullName;
    private EmbeddedPostgres _server = null!;
    private int _databases;

    public async ValueTask InitializeAsync()
    {
        // Root runs PostgreSQL as another user: one that may not enter has its data elsewhere, and nobody deletes them in the end.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder, File.GetUnixFileMode(_folder) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        // What these tests prove does not depend on what survives a crash of the machine, and databases are made by the dozen: nor is it
        // to depend on when statistics are taken.
        var options = new EmbeddedPostgresOptions
        {
            DataFolder = _folder,
            ServerSettings = new Dictionary<string, string> { ["fsync"] = "off", ["autovacuum"] = "off" },
        };
        _server = await EmbeddedPostgres.StartAsync(options, NullLogger.Instance, TestContext.Current.CancellationToken);

        await using var template = await CreateAsync(Template, "template1");
        await new Migrator(template.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A migrated database of the test's own.</summary>
    public Task<TestDatabase> CreateMigratedAsync() => CreateAsync($"test_{Interlocked.Increment(ref _databases)}", Template);

    /// <summary>An empty database of the test's own.</summary>
    public Task<TestDatabase> CreateEmptyAsync() => CreateAsync($"test_{Interlocked.Increment(ref _databases)}", "template1");

    private async Task<TestDatabase> CreateAsync(string name, string template)
    {
        await using var connection = new NpgsqlConnection(_server.ConnectionString);
        await connection.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template}");
        return new TestDatabase(new NpgsqlConnectionStringBuilder(_server.ConnectionString) { Database = name }.ConnectionString);
    }
}
