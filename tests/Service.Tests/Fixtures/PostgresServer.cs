using Dapper;
using Npgsql;
using Orchestrator.Service.Postgres;

[assembly: AssemblyFixture(typeof(Orchestrator.Service.Tests.PostgresServer))]

namespace Orchestrator.Service.Tests;

/// <summary>A real PostgreSQL for all tests of the assembly, and in it a database migrated once, from which each test's is cloned.</summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private const string Template = "migrated_template";

    private static int _databases;

    private string _connectionString = "";

    public async ValueTask InitializeAsync()
    {
        _connectionString = Environment.GetEnvironmentVariable("TEST_PG")!;

        await using (var template = await CreateAsync(Template, "template1"))
        {
            await new Migrator(template.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        }
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>A migrated database of the test's own.</summary>
    public Task<TestDatabase> CreateMigratedAsync() => CreateAsync($"test_{Interlocked.Increment(ref _databases)}", Template);

    /// <summary>An empty database of the test's own.</summary>
    public Task<TestDatabase> CreateEmptyAsync() => CreateAsync($"test_{Interlocked.Increment(ref _databases)}", "template1");

    private async Task<TestDatabase> CreateAsync(string name, string template)
    {
        await using var connection = new NpgsqlConnection(_connectionString);
        await connection.ExecuteAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        await connection.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template}");
        return new TestDatabase(new NpgsqlConnectionStringBuilder(_connectionString) { Database = name }.ConnectionString);
    }
}
