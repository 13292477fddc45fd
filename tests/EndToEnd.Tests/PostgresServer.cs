using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Embedded.Postgres;
using Orchestrator.EndToEnd.Tests;
using Orchestrator.Service.Postgres;

[assembly: AssemblyFixture(typeof(PostgresServer))]

namespace Orchestrator.EndToEnd.Tests;

/// <summary>A PostgreSQL that nothing happens to, for tests that want a database each. It is started when the first of them does.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Template = "orchestrator";

    private readonly TemporaryFolder _folder = new();
    private readonly Lazy<Task<EmbeddedPostgres>> _postgres;
    private int _databases;

    public PostgresServer() => _postgres = new Lazy<Task<EmbeddedPostgres>>(StartAsync);

    /// <summary>How to connect to a new database, whose tables are there and empty.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var postgres = await _postgres.Value;
        var name = $"test_{Interlocked.Increment(ref _databases)}";
        await using var connection = new NpgsqlConnection(Unpooled("postgres", postgres));
        await connection.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {Template}");
        return new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Database = name }.ConnectionString;
    }

    public async ValueTask DisposeAsync()
    {
        if (_postgres.IsValueCreated)
            await (await _postgres.Value).DisposeAsync();
        _folder.Dispose();
    }

    private async Task<EmbeddedPostgres> StartAsync()
    {
        var postgres = await EmbeddedPostgres.StartAsync(
            new EmbeddedPostgresOptions { DataFolder = _folder.Path, ServerSettings = new Dictionary<string, string> { ["fsync"] = "off" } },
            NullLogger.Instance, CancellationToken.None);
        await using var database = NpgsqlDataSource.Create(Unpooled(Template, postgres));
        await new Migrator(database).MigrateAsync(CancellationToken.None);
        return postgres;
    }

    // A pool would keep connections to a template, which can then not be copied.
    private static string Unpooled(string database, EmbeddedPostgres postgres) =>
        new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Database = database, Pooling = false }.ConnectionString;
}
