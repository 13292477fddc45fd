using Dapper;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Messages;
using Orchestrator.Service.People;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Telemetry;
using Orchestrator.Service.Upkeep;

namespace Orchestrator.Service.Tests;

/// <summary>One test's database, the time in it, and the service on top of it.</summary>
public sealed class TestDatabase : IAsyncDisposable
{
    public TestDatabase(string connectionString)
    {
        ConnectionString = ConnectionStrings.Parse(connectionString);
        var source = new NpgsqlDataSourceBuilder(ConnectionString);
        source.UseNodaTime();
        DataSource = source.Build();
    }

    public string ConnectionString { get; }

    public NpgsqlDataSource DataSource { get; }

    /// <summary>What every instance's clock says: a noon in New York, until the test moves it.</summary>
    public Instant Now { get; set; } = Instant.FromUtc(2025, 10, 15, 16, 0);

    public Settings Settings { get; set; } = new();

    public ILoggerFactory Loggers { get; set; } = NullLoggerFactory.Instance;

    /// <summary>Another instance's dispatcher.</summary>
    public Dispatcher NewDispatcher(RenderBacklog? backlog = null) => new(DataSource, Clock, NewRecipients(), backlog ?? new RenderBacklog(Settings.Model), Signal, Alarm, Settings, Loggers.CreateLogger<Dispatcher>());

    public Scheduler NewScheduler(Dispatcher? dispatcher = null) => new(
        DataSource, Clock, new IdFormat(), NewRecipients(), dispatcher ?? NewDispatcher(), Alarm, Settings, Loggers.CreateLogger<Scheduler>());

    /// <summary>Another instance's way to change users.</summary>
    public UserStore NewUserStore(Dispatcher? dispatcher = null) => new(
        DataSource, Clock, new IdFormat(), NewRecipients(), NewOptOuts(), dispatcher ?? NewDispatcher(), Signal, Settings, Loggers.CreateLogger<UserStore>());

    public UserReports NewUserReports() => new(DataSource, Clock, new IdFormat(), NewRecipients(), Settings);

    public BatchScheduler NewBatchScheduler() => new(
        DataSource, Clock, new IdFormat(), NewRecipients(), NewScheduler(), Alarm, Settings, Loggers.CreateLogger<BatchScheduler>());

    public GroupScheduler NewGroupScheduler() => new(NewScheduler(), NewBatchScheduler());

    /// <summary>Another instance's sender.</summary>
    internal SmsSender NewSender(ISmsProvider provider) => new(
        NewLedger(), provider, new SmsInquiry(provider, NewLedger()), NewReports(), NewOptOuts(), Settings, Loggers.CreateLogger<SmsSender>());

    public SmsLedger NewLedger() => new(DataSource, Clock, NewRecipients(), Settings, Loggers.CreateLogger<SmsLedger>());

    public SmsReports NewReports() => new(DataSource, Clock, NewOptOuts(), Signal, Settings, Loggers.CreateLogger<SmsReports>());

    public InboundMessages NewInboundMessages() => new(DataSource, Clock, NewOptOuts(), Signal, Loggers.CreateLogger<InboundMessages>());

    internal RenderLedger NewRenderLedger() =>
        new(DataSource, Clock, NewRecipients(), Settings.Model!, Loggers.CreateLogger<RenderLedger>());

    public MessageReader NewReader() => new(DataSource, new IdFormat(), Settings);

    public MessageChanges NewChanges(Dispatcher? dispatcher = null) => new(
        DataSource, Clock, NewRecipients(), dispatcher ?? NewDispatcher(), NewReader(), Alarm, Settings, Loggers.CreateLogger<MessageChanges>());

    public MessageCancellation NewCancellation() => new(DataSource, Clock, NewReader(), Signal, Loggers.CreateLogger<MessageCancellation>());

    public Pruner NewPruner() => new(DataSource, Clock, Settings, Loggers.CreateLogger<Pruner>());

    /// <summary>What dispatchers tell senders by.</summary>
    public SendSignal Signal { get; } = new();

    /// <summary>What is set where something is stored or put off.</summary>
    public QueueAlarm Alarm { get; set; } = new(TimeProvider.System);

    private OptOuts NewOptOuts() => new(DataSource, Clock, Loggers.CreateLogger<OptOuts>());

    private DatabaseClock Clock => new(() => Now);

    private Recipients NewRecipients() => new(Settings, Loggers.CreateLogger<Recipients>());

    /// <summary>One dispatch by one instance.</summary>
    public async Task<DispatchResult> DispatchAsync() => (await NewDispatcher().RunOnceAsync(TestContext.Current.CancellationToken)).Result;

    /// <summary>Adds users who can be written to now.</summary>
    public async Task AddUsersAsync(params IEnumerable<string> ids) => await ExecuteAsync(
        "INSERT INTO users (id, phone_number, timezone) SELECT id, '+15555550100', 'America/New_York' FROM unnest(@ids) AS id",
        new { ids = ids.ToArray() });

    /// <summary>Puts a row into the queue as it stands, due now unless said otherwise.</summary>
    public async Task<Guid> QueueAsync(
        string userId, Lane lane = Lane.High, Instant? scheduledFor = null, string content = "Hello", Instant? createdAt = null,
        Instant? expiresAt = null, string? conversationId = null, bool canDelay = true, Instant? bestAt = null)
    {
        var id = Guid.CreateVersion7();
        await ExecuteAsync(
            """
            INSERT INTO message_queue
              (id, user_id, agent_id, message_data, scheduled_for, priority, created_at, expires_at, conversation_context_id, can_delay, best_at)
            VALUES (@id, @userId::external_id, 'concierge_agent_1', jsonb_build_object('content', @content), @scheduledFor, @priority, @createdAt,
              @expiresAt, @conversationId::text::external_id, @canDelay, @bestAt)
            """,
            new
            {
                id,
                userId,
                content,
                scheduledFor = scheduledFor ?? Now,
                priority = lane.Name(),
                createdAt = createdAt ?? scheduledFor ?? Now,
                expiresAt,
                conversationId,
                canDelay,
                bestAt,
            });
        return id;
    }

    /// <summary>Schedules as the endpoint does, and expects to be answered.</summary>
    public async Task<ScheduleOutcome> ScheduleAsync(ScheduleRequest request, string? key = null, bool dryRun = false) =>
        await NewScheduler().ScheduleAsync(request with { Traceparent = Tracing.Traceparent }, key, dryRun, TestContext.Current.CancellationToken);

    /// <summary>Schedules, and expects to be told the id.</summary>
    public async Task<Guid> ScheduledIdAsync(ScheduleRequest request) => System.Text.Json.JsonDocument.Parse(
        (await ScheduleAsync(request)).ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement.GetProperty("messageId").GetGuid();

    /// <summary>Returns when so many transactions of this database wait for another.</summary>
    public async Task UntilSomebodyWaitsForALockAsync(int transactions = 1)
    {
        const string Waiting = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while (await SingleAsync<int>(Waiting) < transactions)
            await Task.Yield();
    }

    /// <summary>Schedules many as the endpoint does.</summary>
    public Task<IReadOnlyList<ScheduleOutcome>> ScheduleManyAsync(IReadOnlyList<BatchItem> items, bool dryRun = false) =>
        NewBatchScheduler().ScheduleAsync(items, dryRun, TestContext.Current.CancellationToken);

    public async Task<int> ExecuteAsync(string sql, object? parameters = null)
    {
        await using var connection = await DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return await connection.ExecuteAsync(sql, parameters);
    }

    public async Task<IReadOnlyList<T>> QueryAsync<T>(string sql, object? parameters = null)
    {
        await using var connection = await DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return (await connection.QueryAsync<T>(sql, parameters)).AsList();
    }

    public async Task<T> SingleAsync<T>(string sql, object? parameters = null) => (await QueryAsync<T>(sql, parameters)).Single();

    public Task<string> StatusOfAsync(Guid id) => SingleAsync<string>("SELECT status FROM message_queue WHERE id = @id", new { id });

    public Task<Instant> ScheduledForAsync(Guid id) =>
        SingleAsync<Instant>("SELECT scheduled_for FROM message_queue WHERE id = @id", new { id });

    public ValueTask DisposeAsync() => DataSource.DisposeAsync();
}
