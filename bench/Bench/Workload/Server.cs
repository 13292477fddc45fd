using System.Data;
using Dapper;
using Npgsql;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Bench.Workload;

/// <summary>The PostgreSQL that is measured, and in it one prepared database for each load, from which each run gets a copy.</summary>
/// <param name="connectionString">A database of the server, of a role that may create others.</param>
internal sealed class Server(string connectionString) : IAsyncDisposable
{
    private readonly string _prefix = $"bench_{Environment.ProcessId}";
    private readonly Dictionary<Load, string> _prepared = [];
    private int _copies;

    /// <summary>Version and settings that decide how fast it is.</summary>
    public async Task<string> DescribeAsync()
    {
        await using var connection = await OpenAsync("postgres");
        var settings = await connection.QueryAsync<string>(
            """
            SELECT name || ' ' || current_setting(name)
            FROM unnest(ARRAY['shared_buffers', 'max_wal_size', 'fsync', 'synchronous_commit', 'full_page_writes']) AS name
            """);
        return $"PostgreSQL {await connection.ExecuteScalarAsync<string>("SHOW server_version")}: {string.Join(", ", settings)}";
    }

    /// <summary>A database of the run's own, holding the load; dropped when disposed of.</summary>
    /// <param name="load">What it holds.</param>
    /// <param name="analyzed">Whether the planner knows it; if not, no statistics have ever been taken.</param>
    public async Task<Database> CreateAsync(Load load, bool analyzed = true)
    {
        if (!_prepared.TryGetValue(load, out var template))
            _prepared.Add(load, template = await PrepareAsync(load));

        var name = $"{_prefix}_run_{++_copies}";
        await using (var admin = await OpenAsync("postgres"))
        {
            // Copying files ends in a checkpoint, so that every run starts with an empty one behind it.
            await admin.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY", commandTimeout: 600);
        }

        if (analyzed)
        {
            await using var connection = await OpenAsync(name);
            await connection.ExecuteAsync("ANALYZE", commandTimeout: 600, commandType: CommandType.Text);
        }

        return new Database(WithDatabase(name), () => DropAsync(name));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _prepared.Values)
            await DropAsync(name);
    }

    private async Task<string> PrepareAsync(Load load)
    {
        var name = $"{_prefix}_load_{_prepared.Count}";
        await using (var admin = await OpenAsync("postgres"))
            await admin.ExecuteAsync($"CREATE DATABASE {name}");

        await using (var source = Database.Connect(WithDatabase(name)))
            await new Migrator(source).MigrateAsync(CancellationToken.None);

        await using var filling = Database.Connect(WithDatabase(name));
        await using var connection = await filling.OpenConnectionAsync();
        // Statistics are there when a run says so, not when a daemon comes by.
        foreach (var table in await connection.QueryAsync<string>("SELECT tablename FROM pg_tables WHERE schemaname = 'public'"))
            await connection.ExecuteAsync($"ALTER TABLE {table} SET (autovacuum_enabled = false)");

        var noon = Noon.Start;
        await Run("AddUsers", new { load.Users, noon });
        if (load.AreDue)
            await Run("AddDueMessages", new { load.Users, noon });
        if (load.Waiting > 0)
            await Run("AddWaitingMessages", new { load.Users, load.Waiting, noon });
        if (load.Heavy > 0)
            await Run("AddHeavyUser", new { messages = load.Heavy, noon });
        return name;

        Task Run(string script, object parameters) => connection.ExecuteAsync(Script.Read(script), parameters, commandTimeout: 3600);
    }

    private async Task DropAsync(string name)
    {
        await using var admin = await OpenAsync("postgres");
        await admin.ExecuteAsync($"DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    }

    private async Task<NpgsqlConnection> OpenAsync(string database)
    {
        var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(WithDatabase(database)) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    private string WithDatabase(string name) => new NpgsqlConnectionStringBuilder(connectionString) { Database = name }.ConnectionString;
}
