using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Core;
using Orchestrator.Fakes;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>A database, a model, and instances between them that do what a test tells them.</summary>
public sealed class RenderingService : IAsyncDisposable
{
    private readonly ServiceProvider _services;

    private RenderingService(TestDatabase db, FakeModel model)
    {
        (Db, Model) = (db, model);
        var options = new ModelOptions { ApiKey = model.ApiKey, BaseUrl = model.Url, Timeout = Duration.FromSeconds(2), MaxConcurrency = 4 };
        db.Settings = db.Settings with { Model = options };
        _services = new ServiceCollection().AddLanguageModel(options).BuildServiceProvider();
    }

    public TestDatabase Db { get; }

    public FakeModel Model { get; }

    public static async Task<RenderingService> CreateAsync(PostgresServer server) =>
        new(await server.CreateMigratedAsync(), await FakeModel.StartAsync());

    /// <summary>On a database that the replaced service has left, with nothing waiting and nobody held back by a limit.</summary>
    public static async Task<RenderingService> AdoptAsync(PostgresServer server)
    {
        var db = await server.CreateAdoptableAsync();
        await new Migrator(db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        await db.ExecuteAsync("UPDATE message_queue SET status = 'cancelled' WHERE status = 'queued'; DELETE FROM user_message_budget");
        return new(db, await FakeModel.StartAsync());
    }

    /// <summary>What breakers measure their rest by.</summary>
    internal ManualTime Time { get; } = new();

    /// <summary>One more instance.</summary>
    internal Instance NewInstance()
    {
        var breaker = new ModelBreaker(Time);
        var backlog = new RenderBacklog(Db.Settings.Model, breaker);
        var (ledger, dispatcher) = (Db.NewRenderLedger(), Db.NewDispatcher(backlog));
        var renderer = new Renderer(
            ledger, _services.GetRequiredService<ILanguageModel>(), breaker, NullLogger<Renderer>.Instance);
        var loop = new RenderLoop(backlog, renderer, ledger, dispatcher, Db.Settings.Model!, NullLogger<RenderLoop>.Instance);
        return new Instance(dispatcher, backlog, loop);
    }

    /// <summary>Lets time pass, for the messages and for the breakers.</summary>
    public void Pass(Duration time)
    {
        Time.Pass(time.ToTimeSpan());
        Db.Now += time;
    }

    /// <summary>Lets an instance dispatch, ask the model, and decide again, until nothing is left to do now.</summary>
    public async Task<DispatchResult> DispatchAndRenderAsync()
    {
        var instance = NewInstance();
        var result = await instance.DispatchAsync();
        await instance.RenderAllAsync();
        return result;
    }

    /// <summary>Lets time pass, and an instance work, until the queue is empty.</summary>
    public async Task WorkUntilNothingWaitsAsync()
    {
        for (var round = 0; round < 100; round++)
        {
            await DispatchAndRenderAsync();
            var waiting = await Db.QueryAsync<Instant>("SELECT scheduled_for FROM message_queue WHERE status = 'queued'");
            if (waiting.Count == 0)
                return;
            Db.Now = Instant.Max(Db.Now, waiting.Min());
        }

        throw new InvalidOperationException("Something waits for ever.");
    }

    /// <summary>Queues a message from data alone, or one that must still make sense.</summary>
    public async Task<Guid> QueueAsync(string userId, string data, bool fresh = false, Lane lane = Lane.High)
    {
        var id = await Db.QueueAsync(userId, lane, canDelay: false);
        await Db.ExecuteAsync(
            "UPDATE message_queue SET message_data = @data::jsonb, requires_fresh_context = @fresh WHERE id = @id", new { id, data, fresh });
        return id;
    }

    /// <summary>The user writes, a second from now.</summary>
    public async Task WritesAsync(string userId, string? text, string direction = "inbound", string? conversationId = null)
    {
        Db.Now += Duration.FromSeconds(1);
        await Db.ExecuteAsync(
            """
            INSERT INTO messages (conversation_id, user_id, role, content, direction, status, created_at)
            VALUES (@conversationId::external_id, @userId::external_id, 'user', @text, @direction, 'received', @now)
            """,
            new { userId, text, direction, conversationId = conversationId ?? $"c_{userId}", now = Db.Now });
    }

    public async Task AddUserAsync(string userId)
    {
        await Db.AddUsersAsync(userId);
        await Db.ExecuteAsync("UPDATE users SET first_name = 'Sam' WHERE id = @userId", new { userId });
        await Db.ExecuteAsync(
            "INSERT INTO conversations (id, user_id, phone_number, conversation_summary) VALUES ('c_' || @userId, @userId, '+15555550100', 'They talked of boats.')",
            new { userId });
    }

    public Task<string?> DeliveredTextAsync(Guid id) => Db.SingleAsync<string?>(
        "SELECT (SELECT content FROM messages WHERE id = @id)", new { id });

    public Task<IReadOnlyList<string>> CodesOfAsync(Guid id) => Db.QueryAsync<string>(
        "SELECT output_data->>'code' FROM agent_actions_log WHERE context_id = @id ORDER BY created_at, action_type DESC", new { id });

    public async ValueTask DisposeAsync()
    {
        await _services.DisposeAsync();
        await Model.DisposeAsync();
        await Db.DisposeAsync();
    }

    /// <summary>A process of the service, as far as rendering goes.</summary>
    /// <remarks>Its parts are those of the service; a test takes the steps of its loop one by one.</remarks>
    internal sealed record Instance(Dispatcher Dispatcher, RenderBacklog Backlog, RenderLoop Loop)
    {
        /// <summary>Works off everything that there is to do now.</summary>
        public async Task RenderAllAsync()
        {
            while (await RenderNextAsync())
            {
            }
        }

        public async Task<DispatchResult> DispatchAsync() => (await Dispatcher.RunOnceAsync(TestContext.Current.CancellationToken)).Result;

        /// <summary>Works one job off; false where there is none.</summary>
        public async Task<bool> RenderNextAsync()
        {
            if (Backlog.TryNext() is not { } job)
                return false;
            await Loop.StepAsync(job, TestContext.Current.CancellationToken);
            return true;
        }
    }
}
