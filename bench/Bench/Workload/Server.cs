using System.Data;
using Dapper;
using Npgsql;

namespace Orchestrator.Bench.Workload;

/// <summary>The PostgreSQL that is measured, and in it one prepared database for each content, from which each run gets a copy.</summary>
/// <param name="connectionString">A database of the server, of a role that may create others.</param>
internal sealed class Server(string connectionString) : IAsyncDisposable
{
    private readonly string _prefix = $"bench_{Environment.ProcessId}";
    private readonly Dictionary<object, string> _prepared = [];
    private int _copies;

    /// <summary>Version and settings that decide how fast it is.</summary>
    public async Task<string> DescribeAsync()
    {
        await using var connection = await OpenAsync("postgres");
        var settings = await connection.QueryAsync<string>(
            """
            SELECT name || ' ' || current_setting(name)
            FROM unnest(ARRAY['shared_buffers', 'max_wal_size', 'fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum']) AS name
            """);
        return $"PostgreSQL {await connection.ExecuteScalarAsync<string>("SHOW server_version")}: {string.Join(", ", settings)}";
    }

    /// <summary>A database of the run's own, holding the load.</summary>
    /// <param name="load">What it holds.</param>
    /// <param name="analyzed">Whether the planner knows it; if not, no statistics have ever been taken.</param>
    public async Task<Database> CreateAsync(Load load, bool analyzed = true) =>
        new(await CopyAsync(load, connectionString => Filling.FillAsync(connectionString, load), analyzed));

    /// <summary>A copy of a database that is made the first time it is asked for.</summary>
    /// <param name="contents">What it holds; equal contents have one original.</param>
    /// <param name="fill">Fills the empty database of a connection string.</param>
    /// <param name="analyzed">Whether the planner knows it; if not, no statistics have ever been taken.</param>
    public async Task<DatabaseCopy> CopyAsync(object contents, Func<string, Task> fill, bool analyzed)
    {
        if (!_prepared.TryGetValue(contents, out var template))
            _prepared.Add(contents, template = await PrepareAsync(fill));

        var name = $"{_prefix}_run_{++_copies}";
        await using (var admin = await OpenAsync("postgres"))
        {
            // Copying files ends in a checkpoint, so that every run starts with an empty one behind it.
            await admin.ExecuteAsync($"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY", commandTimeout: 600);
        }

        if (analyzed)
        {
            await using var connection = await OpenAsync(name);
            // Dapper takes a single word for the name of a procedure.
            await connection.ExecuteAsync("ANALYZE", commandTimeout: 600, commandType: CommandType.Text);
        }

        return new DatabaseCopy(WithDatabase(name), () => DropAsync(name));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var name in _prepared.Values)
            await DropAsync(name);
    }

    private async Task<string> PrepareAsync(Func<string, Task> fill)
    {
        var name = $"{_prefix}_load_{_prepared.Count}";
        await using (var admin = await OpenAsync("postgres"))
            await admin.ExecuteAsync($"CREATE DATABASE {name}");
        try
        {
            await fill(WithDatabase(name));
            return name;
        }
        catch
        {
            await DropAsync(name);
            throw;
        }
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
