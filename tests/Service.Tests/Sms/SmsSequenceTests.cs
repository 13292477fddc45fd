using Orchestrator.Core;

namespace Orchestrator.Service.Tests.Sms;

public sealed class SmsSequenceTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    public async ValueTask InitializeAsync() => _sending = await Sending.CreateAsync(server);

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    [Fact]
    public async Task The_messages_of_a_sequence_are_sent_one_after_another_in_order_without_a_pause_and_the_next_message_waits_its_time()
    {
        await Db.AddUsersAsync("ann");
        await Db.ScheduleAsync(Some.Request("ann") with
        {
            MessageData = """{"content": "1"}""",
            Following = ["""{"content": "2"}""", """{"content": "3"}"""],
            Lane = Lane.High,
        });
        (await Db.DispatchAsync()).Delivered.ShouldBe(3);
        var noon = Db.Now;

        (await _sending.SendAsync()).ShouldBe(3);
        _sending.Twilio.Accepted.Select(s => s.Body).ShouldBe(["1", "2", "3"]);
        _sending.Twilio.MostAtOnce(Sending.UsersNumber).ShouldBe(1);

        Db.Now += Duration.FromSeconds(1);
        await _sending.HandOverAsync("ann", "4");
        await _sending.SendUntilNothingWaitsAsync();
        _sending.Twilio.Accepted[3].AcceptedAt.ShouldBe(noon + Duration.FromSeconds(30));
    }
}
