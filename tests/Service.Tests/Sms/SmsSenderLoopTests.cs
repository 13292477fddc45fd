using Microsoft.Extensions.Logging;
using Orchestrator.Fakes;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>The sender beside everything else.</summary>
public sealed class SmsSenderLoopTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    public async ValueTask InitializeAsync() => _sending = await Sending.CreateAsync(server);

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    [Fact]
    public async Task A_provider_that_is_slow_to_tell_what_it_took_keeps_no_hand_from_sending()
    {
        string[] lost = ["a", "b", "c", "d"];
        await Db.AddUsersAsync([.. lost, "e"]);
        foreach (var user in lost)
        {
            await _sending.HandOverAsync(user);
            _sending.Twilio.Next(new FakeAnswer.Drop());
        }

        await _sending.SendAsync();
        await Db.ExecuteAsync("UPDATE sms_gate SET stopped_at = NULL, stopped_until = NULL");
        Db.Now += Duration.FromSeconds(20);
        await _sending.HandOverAsync("e", "e's");
        _sending.Twilio.ListAnswer = new FakeAnswer.Hang();
        _sending.Use(options => options with { RequestTimeout = Duration.FromMinutes(5) });
        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { Concurrency = 2 } };
        var readiness = new DatabaseReadiness();
        readiness.Declare();
        using var loop = new SmsSenderLoop(
            Db.NewSender(_sending.Provider), Db.NewLedger(), Db.Signal, readiness, Db.Settings, TimeProvider.System,
            Db.Loggers.CreateLogger<SmsSenderLoop>());

        await loop.StartAsync(TestContext.Current.CancellationToken);
        await _sending.Twilio.WaitForAsync(twilio => twilio.Accepted.Any(sms => sms.Body == "e's"), TestContext.Current.CancellationToken);

        await loop.StopAsync(TestContext.Current.CancellationToken);
        _sending.Twilio.Requests.Count(request => request.Method == "GET").ShouldBe(1, "the other hand asks");
    }
}
