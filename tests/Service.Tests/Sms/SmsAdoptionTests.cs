using Orchestrator.Fakes;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>Sending and hearing on a database of the replaced service's shape, and behind a pooler.</summary>
public sealed class SmsAdoptionTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateAdoptableAsync();
        await new Migrator(_db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        await _db.ExecuteAsync("UPDATE sms_gate SET sends_from = '-infinity'");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    [Fact]
    public async Task Rows_that_the_sender_of_the_replaced_service_takes_by_its_trigger_are_left_to_it()
    {
        (await _db.DispatchAsync()).Delivered.ShouldBeGreaterThan(0);

        await using var sending = Sending.On(_db, await FakeTwilio.StartAsync());
        (await sending.SendAsync()).ShouldBe(0);

        sending.Twilio.Requests.ShouldBeEmpty();
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE status = 'queued_for_send'")).ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task Without_that_trigger_this_service_sends_and_what_is_written_back_is_stored()
    {
        await _db.ExecuteAsync("DROP TRIGGER on_outbound_message ON messages");
        await using var sending = Sending.On(_db, await FakeTwilio.StartAsync());
        var delivered = (await _db.DispatchAsync()).Delivered;

        (await sending.SendAsync()).ShouldBe(delivered);

        var anns = sending.Twilio.Accepted.Single(s => s.Body == "Queued of old");
        anns.To.ShouldBe("+12125550101");
        await sending.ReportAsync(anns.Sid, "delivered");
        (await sending.StatusOfAsync(AdoptedDatabase.AnnsQueued)).ShouldBe("delivered");
        foreach (var (number, text) in new[] { ("+12125550101", "STOP"), ("+12125550104", "Who is this?") })
        {
            await _db.NewInboundMessages().ReceiveAsync(
                new InboundMessage($"SM{number}", number, text, 0, null), TestContext.Current.CancellationToken);
        }

        (await _db.SingleAsync<bool>("SELECT opted_out FROM users WHERE first_name = 'Ann'")).ShouldBeTrue();
        (await _db.SingleAsync<string>("SELECT c.status FROM messages m JOIN conversations c ON c.id = m.conversation_id WHERE m.content = 'Who is this?'"))
            .ShouldBe("active", "Dan had no conversation");
    }

    [Fact]
    public async Task Senders_behind_a_transaction_mode_pooler_send_each_message_once()
    {
        await _db.ExecuteAsync("DROP TRIGGER on_outbound_message ON messages");
        await using var pooler = await PgBouncer.StartAsync(_db.ConnectionString);
        await using var pooled = new TestDatabase(pooler.ConnectionString) { Settings = _db.Settings };
        await using var sending = Sending.On(pooled, await FakeTwilio.StartAsync());
        var delivered = (await pooled.DispatchAsync()).Delivered;

        await Task.WhenAll(Enumerable.Range(0, 5).Select(_ => sending.SendAsync()));

        sending.Twilio.Accepted.Count.ShouldBe(delivered);
    }
}
