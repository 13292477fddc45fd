using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Fakes;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>A database, a Twilio, and senders between them.</summary>
public sealed class Sending : IAsyncDisposable
{
    public const string ServiceNumber = "+15555550199";

    public const string UsersNumber = "+15555550100";

    private readonly List<ServiceProvider> _services = [];

    private Sending(TestDatabase db, FakeTwilio twilio)
    {
        (Db, Twilio) = (db, twilio);
        Use(options => options);
    }

    public TestDatabase Db { get; }

    public FakeTwilio Twilio { get; }

    public TwilioSms Provider => _services[^1].GetRequiredService<TwilioSms>();

    /// <summary>Reaches Twilio in another way from here on.</summary>
    public void Use(Func<TwilioOptions, TwilioOptions> change)
    {
        var services = new ServiceCollection();
        services.AddTwilioHttpClient(change(new TwilioOptions(Twilio.AccountSid, Twilio.AuthToken, ServiceNumber)
        {
            BaseUrl = Twilio.BaseUrl,
            PublicBaseUrl = new Uri("https://orchestrator.example"),
            RequestTimeout = Duration.FromSeconds(1),
        }));
        _services.Add(services.AddSingleton<TwilioSms>().BuildServiceProvider());
    }

    public static async Task<Sending> CreateAsync(PostgresServer server)
    {
        var db = await server.CreateMigratedAsync();
        // The tests' clock stands before the day on which the database was made.
        await db.ExecuteAsync("UPDATE sms_gate SET sends_from = '-infinity'");
        return On(db, await FakeTwilio.StartAsync());
    }

    /// <summary>On a database that is there; both are disposed of with this.</summary>
    public static Sending On(TestDatabase db, FakeTwilio twilio)
    {
        db.Settings = db.Settings with { Sms = new SmsSettings { Delivery = SmsDelivery.Twilio, PerSecond = 10_000, Timeout = Duration.FromSeconds(1) } };
        twilio.Clock = new DatabasesClock(db);
        return new Sending(db, twilio);
    }

    /// <summary>A message handed over to the user now, as a dispatch does.</summary>
    public async Task<Guid> HandOverAsync(string userId, string content = "Hello", Instant? expiresAt = null, string lane = "high")
    {
        var id = await Db.QueueAsync(userId, content: content, expiresAt: expiresAt, lane: Core.Lanes.Parse(lane)!.Value, canDelay: false);
        await Db.ExecuteAsync(
            """
            UPDATE message_queue SET status = 'sent', sent_at = @now, finished_at = @now, delivered_message_id = id, reason = 'delivered' WHERE id = @id;
            INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, created_at)
            VALUES (@id, 'c_' || @userId, @userId, 'concierge', @content, 'outbound', 'pending', @now)
            """,
            new { id, userId, content, now = Db.Now });
        return id;
    }

    /// <summary>Lets one instance send all it can now. Returns how many SMS Twilio has taken meanwhile.</summary>
    public async Task<int> SendAsync(ISmsProvider? provider = null)
    {
        var before = Twilio.Accepted.Count;
        var sender = Db.NewSender(provider ?? Provider);
        while (await ClaimAsync() is { Count: > 0 } claimed)
            await Task.WhenAll(claimed.Select(sms => sender.HandleAsync(sms, TestContext.Current.CancellationToken)));
        return Twilio.Accepted.Count - before;
    }

    private async Task<IReadOnlyList<ClaimedSms>> ClaimAsync()
    {
        var ledger = Db.NewLedger();
        var most = Db.Settings.Sms.Concurrency;
        var toAsk = await ledger.ClaimToAskAsync(most, TestContext.Current.CancellationToken);
        return [.. toAsk, .. await ledger.ClaimToSendAsync(most - toAsk.Count, TestContext.Current.CancellationToken)];
    }

    /// <summary>Lets time pass, and instances send, until nothing waits any more.</summary>
    public async Task SendUntilNothingWaitsAsync()
    {
        for (var round = 0; round < 100; round++)
        {
            await SendAsync();
            if (await Db.NewLedger().UntilNextAsync(TestContext.Current.CancellationToken) is not { } wait)
                return;
            Db.Now += Duration.Max(wait, Duration.FromMilliseconds(100));
        }

        throw new InvalidOperationException("Something waits for ever.");
    }

    public Task ReportAsync(string sid, string status, int? errorCode = null, Guid? messageId = null, int? attempt = null) =>
        Db.NewReports().TakeAsync(new SmsReport(sid, status, errorCode, messageId, attempt), TestContext.Current.CancellationToken);

    public Task<string> StatusOfAsync(Guid id) => Db.SingleAsync<string>("SELECT status FROM messages WHERE id = @id", new { id });

    public Task<string?> ErrorOfAsync(Guid id) => Db.SingleAsync<string?>("SELECT sms_error FROM messages WHERE id = @id", new { id });

    public Task<IReadOnlyList<string>> TrailOfAsync(Guid id) => Db.QueryAsync<string>(
        "SELECT action_type FROM agent_actions_log WHERE context_id = @id AND action_type LIKE 'sms%' ORDER BY created_at, action_type", new { id });

    public async ValueTask DisposeAsync()
    {
        foreach (var services in _services)
            await services.DisposeAsync();
        await Twilio.DisposeAsync();
        await Db.DisposeAsync();
    }

    private sealed class DatabasesClock(TestDatabase db) : IClock
    {
        public Instant GetCurrentInstant() => db.Now;
    }
}
