using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;
using Orchestrator.Service.Sms;

namespace Orchestrator.Bench.Workload;

/// <summary>The database of one run, and the service on top of it, with every rule on and nothing logged.</summary>
/// <param name="copy">The database itself, disposed of with this.</param>
internal sealed class Database(DatabaseCopy copy) : IAsyncDisposable
{
    /// <summary>Limits that everyone has and nobody reaches.</summary>
    public Settings Settings { get; } = new()
    {
        ConnectionString = ConnectionStrings.Parse(copy.ConnectionString),
        Rules = new DeliveryRules { HourlyLimit = 10, DailyLimit = 50 },
        // What is measured is dispatched when a part says so.
        WakesBetweenTicks = false,
    };

    public string ConnectionString => copy.ConnectionString;

    public NpgsqlDataSource Source { get; } = Connect(copy.ConnectionString);

    /// <summary>A data source as the service has it: it knows NodaTime's types.</summary>
    public static NpgsqlDataSource Connect(string connectionString)
    {
        var builder = new NpgsqlDataSourceBuilder(ConnectionStrings.Parse(connectionString));
        builder.UseNodaTime();
        return builder.Build();
    }

    /// <summary>One more instance's dispatcher.</summary>
    public Dispatcher NewDispatcher(DatabaseClock clock) => new(
        Source, clock, new Recipients(Settings, NullLogger<Recipients>.Instance), new RenderBacklog(null), new SendSignal(),
        new QueueAlarm(TimeProvider.System), Settings, NullLogger<Dispatcher>.Instance);

    /// <summary>The first column of the first row.</summary>
    public async Task<T> ReadAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await Source.OpenConnectionAsync();
        return await connection.QuerySingleAsync<T>(new CommandDefinition(sql, parameters, commandTimeout: 600));
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        await copy.DisposeAsync();
    }
}
