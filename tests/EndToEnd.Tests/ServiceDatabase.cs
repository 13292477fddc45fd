using Dapper;
using Npgsql;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>A database with the tables, and the settings of hosts that serve from it without quiet hours, whatever the time of day.</summary>
public class ServiceDatabase(PostgresServer server) : IAsyncLifetime
{
    public string ConnectionString { get; private set; } = null!;

    /// <summary>The settings of a host on this database.</summary>
    public IEnumerable<(string Name, string Value)> Settings =>
    [
        ("DATABASE_URL", ConnectionString),
        ("Orchestrator__QuietHoursStart", "00:00"),
        ("Orchestrator__QuietHoursEnd", "00:00"),
        // Only what a test asks for is dispatched.
        ("PROCESS_QUEUE_SCHEDULE", "0 0 0 1 1 *"),
        ("Orchestrator__WakeBetweenTicks", "false"),
        ("SMS_DELIVERY", "external"),
    ];

    public async ValueTask InitializeAsync() => await StartAsync();

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        GC.SuppressFinalize(this);
    }

    protected virtual async Task StartAsync() => ConnectionString = await CreateDatabaseAsync();

    protected virtual Task StopAsync() => Task.CompletedTask;

    /// <returns>How to connect to it.</returns>
    protected virtual Task<string> CreateDatabaseAsync() => server.CreateDatabaseAsync();

    // A pool would hand out connections that a restart of the server has broken.
    private string Unpooled => new NpgsqlConnectionStringBuilder(ConnectionString) { Pooling = false }.ConnectionString;

    public async Task AddUserAsync(string id) => await ExecuteAsync(
        "INSERT INTO users (id, phone_number, timezone) VALUES (@id, '+15555550100', 'America/New_York')", new { id });

    public async Task ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(Unpooled);
        await connection.ExecuteAsync(sql, parameters);
    }

    public async Task<T> SingleAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = new NpgsqlConnection(Unpooled);
        return await connection.QuerySingleAsync<T>(sql, parameters);
    }
}
