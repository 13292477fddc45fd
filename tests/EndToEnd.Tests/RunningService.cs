using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Embedded.Postgres;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>A PostgreSQL of the tests' own, and a host that serves from it without quiet hours, whatever the time of day.</summary>
public sealed class RunningService : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();

    public EmbeddedPostgres Postgres { get; private set; } = null!;

    public EmbeddedHost Host { get; private set; } = null!;

    public HttpClient Client => Host.Client;

    /// <summary>The settings of a host on this database.</summary>
    public IEnumerable<(string Name, string Value)> Settings =>
    [
        ("DATABASE_URL", Postgres.ConnectionString),
        ("Orchestrator__QuietHoursStart", "00:00"),
        ("Orchestrator__QuietHoursEnd", "00:00"),
        // Only what a test asks for is dispatched.
        ("PROCESS_QUEUE_SCHEDULE", "0 0 0 1 1 *"),
        ("Orchestrator__WakeBetweenTicks", "false"),
        ("SMS_DELIVERY", "external"),
    ];

    public async ValueTask InitializeAsync()
    {
        Postgres = await StartPostgresAsync(_folder.Path);
        Host = await EmbeddedHost.StartAsync(Settings);
    }

    public async ValueTask DisposeAsync()
    {
        if (Host is not null)
            await Host.DisposeAsync();
        if (Postgres is not null)
            await Postgres.DisposeAsync();
        _folder.Dispose();
    }

    public static Task<EmbeddedPostgres> StartPostgresAsync(string folder) => EmbeddedPostgres.StartAsync(
        new EmbeddedPostgresOptions { DataFolder = folder }, NullLogger.Instance, TestContext.Current.CancellationToken);

    // A pool would hand out connections that a restart of the server has broken.
    private string Unpooled => new NpgsqlConnectionStringBuilder(Postgres.ConnectionString) { Pooling = false }.ConnectionString;

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
