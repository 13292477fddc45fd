using Npgsql;
using Orchestrator.Fakes;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>What the provider reports of messages that it has taken.</summary>
public sealed class SmsReportTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    private FakeTwilio Twilio => _sending.Twilio;

    public async ValueTask InitializeAsync() => _sending = await Sending.CreateAsync(server);

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    private async Task<(Guid Id, string Sid)> SentAsync(string userId = "ann")
    {
        await Db.AddUsersAsync(userId);
        var id = await _sending.HandOverAsync(userId);
        await _sending.SendAsync();
        return (id, Twilio.Accepted[^1].Sid);
    }

    [Fact]
    public async Task The_state_of_a_message_only_moves_forward_whatever_order_reports_come_in_and_however_often()
    {
        string[] reports = ["queued", "sent", "delivered", "sending", "sent", "undelivered", "delivered"];
        var (id, sid) = await SentAsync();
        var seen = new List<string>();
        foreach (var report in reports)
        {
            await _sending.ReportAsync(sid, report, messageId: id, attempt: 1);
            seen.Add(await _sending.StatusOfAsync(id));
        }

        seen.ShouldBe(["sent", "sent", "delivered", "delivered", "delivered", "delivered", "delivered"]);
        (await Db.SingleAsync<Instant>("SELECT delivered_at FROM messages")).ShouldBe(Db.Now);
        (await _sending.TrailOfAsync(id)).ShouldBe(["sms_delivered", "sms_sent"]);
    }

    [Fact]
    public async Task A_report_without_our_address_finds_its_message_by_the_providers_id()
    {
        var (id, sid) = await SentAsync();

        await _sending.ReportAsync(sid, "undelivered", 30005);

        (await _sending.StatusOfAsync(id)).ShouldBe("undelivered");
        (await _sending.ErrorOfAsync(id)).ShouldBe("30005");
    }

    [Fact]
    public async Task A_report_about_nothing_of_ours_changes_nothing()
    {
        var (id, _) = await SentAsync();

        await _sending.ReportAsync("SMother", "failed", 30005);
        await _sending.ReportAsync("SMother", "failed", 30005, messageId: id, attempt: 1);
        await _sending.ReportAsync("SMother", "failed", 30005, messageId: Guid.NewGuid(), attempt: 1);

        (await _sending.StatusOfAsync(id)).ShouldBe("sent");
    }

    [Fact]
    public async Task An_SMS_that_failed_on_its_way_by_what_may_pass_is_sent_again_later_and_the_old_ones_reports_change_nothing()
    {
        var (id, first) = await SentAsync();
        await _sending.ReportAsync(first, "undelivered", 30003, messageId: id, attempt: 1);
        await _sending.ReportAsync(first, "undelivered", 30003, messageId: id, attempt: 1);
        (await _sending.StatusOfAsync(id)).ShouldBe("pending");

        Db.Now += Duration.FromSeconds(40);
        await _sending.SendAsync();
        Twilio.Accepted.Count.ShouldBe(1, "the first wait is a minute");
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(2);
        await _sending.ReportAsync(first, "undelivered", 30003, messageId: id, attempt: 1);
        (await Db.SingleAsync<(string, string)>("SELECT status, twilio_message_sid FROM messages")).ShouldBe(("sent", Twilio.Accepted[1].Sid));
    }

    [Fact]
    public async Task An_SMS_reported_as_lost_and_then_as_delivered_is_not_sent_again()
    {
        var (id, sid) = await SentAsync();
        await _sending.ReportAsync(sid, "undelivered", 30008, messageId: id, attempt: 1);

        await _sending.ReportAsync(sid, "delivered", messageId: id, attempt: 1);

        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Count.ShouldBe(1);
        (await _sending.StatusOfAsync(id)).ShouldBe("delivered");
    }

    [Fact]
    public async Task What_another_program_has_sent_is_that_programs_to_send_again()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        await Db.ExecuteAsync("UPDATE messages SET status = 'sent', twilio_message_sid = 'SMtheirs'");

        await _sending.ReportAsync("SMtheirs", "undelivered", 30003);
        (await _sending.StatusOfAsync(id), await _sending.ErrorOfAsync(id)).ShouldBe(("undelivered", "30003"));

        await Db.ExecuteAsync("UPDATE messages SET status = 'sent'");
        await _sending.ReportAsync("SMtheirs", "undelivered", 30034);
        (await _sending.StatusOfAsync(id)).ShouldBe("undelivered");
        (await Db.SingleAsync<string?>("SELECT stopped_by FROM sms_gate")).ShouldBeNull();
    }

    [Fact]
    public async Task Where_another_program_sends_by_now_a_failure_is_recorded_and_left_to_it()
    {
        var (id, sid) = await SentAsync();
        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { Delivery = SmsDelivery.External } };

        await _sending.ReportAsync(sid, "undelivered", 30003, id, 1);

        (await _sending.StatusOfAsync(id)).ShouldBe("undelivered");
    }

    [Fact]
    public async Task Somebody_whom_a_report_tells_to_have_opted_out_is_opted_out_though_the_report_cannot_be_recorded()
    {
        var (id, sid) = await SentAsync();
        await Db.ExecuteAsync("ALTER TABLE agent_actions_log ADD CHECK (action_type <> 'sms_failed')");

        await Should.ThrowAsync<PostgresException>(() => _sending.ReportAsync(sid, "failed", 21610, id, 1));

        (await Db.SingleAsync<bool>("SELECT opted_out FROM users WHERE id = 'ann'")).ShouldBeTrue();
        await Db.ExecuteAsync("ALTER TABLE agent_actions_log DROP CONSTRAINT agent_actions_log_action_type_check");
        await _sending.ReportAsync(sid, "failed", 21610, id, 1);
        (await _sending.StatusOfAsync(id)).ShouldBe("failed");
    }

    [Theory]
    [InlineData("delivered", null, "delivered")]
    [InlineData("undelivered", 30003, "pending")]
    [InlineData("undelivered", 30005, "undelivered")]
    public async Task A_report_about_a_user_who_is_gone_is_recorded_all_the_same(string reported, int? code, string status)
    {
        var (id, sid) = await SentAsync();
        await Db.ExecuteAsync(
            """
            UPDATE agent_actions_log SET user_id = NULL;
            ALTER TABLE agent_actions_log ADD FOREIGN KEY (user_id) REFERENCES users (id);
            DELETE FROM users WHERE id = 'ann'
            """);

        await _sending.ReportAsync(sid, reported, code, id, 1);

        (await _sending.StatusOfAsync(id)).ShouldBe(status);
    }

    [Fact]
    public async Task After_the_last_try_a_report_of_failure_is_the_end()
    {
        var (id, _) = await SentAsync();
        for (var attempt = 1; attempt <= 5; attempt++)
        {
            await _sending.ReportAsync(Twilio.Accepted[^1].Sid, "undelivered", 30003, messageId: id, attempt: attempt);
            await _sending.SendUntilNothingWaitsAsync();
        }

        Twilio.Accepted.Count.ShouldBe(5);
        (await _sending.StatusOfAsync(id)).ShouldBe("undelivered");
        (await _sending.ErrorOfAsync(id)).ShouldBe("30003");
    }

    [Fact]
    public async Task A_fault_of_ours_that_shows_only_afterwards_stops_sending_until_one_message_gets_through()
    {
        var (id, sid) = await SentAsync();
        await Db.AddUsersAsync("bob", "cyd");
        var bob = await _sending.HandOverAsync("bob");
        await _sending.ReportAsync(sid, "undelivered", 30034, messageId: id, attempt: 1);
        (await _sending.SendAsync()).ShouldBe(0, "nothing is sent");
        (await _sending.StatusOfAsync(id)).ShouldBe("pending", "and nothing is lost");

        Db.Now += Duration.FromSeconds(20);
        await _sending.SendAsync();
        Twilio.Accepted.Count.ShouldBe(2, "one is tried");
        await _sending.HandOverAsync("cyd");
        (await _sending.SendAsync()).ShouldBe(0, "that it was taken proves nothing yet");

        await _sending.ReportAsync(Twilio.Accepted[1].Sid, "delivered", messageId: bob, attempt: 1);
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Count.ShouldBe(4);
    }

    [Fact]
    public async Task A_message_that_carriers_filter_again_and_again_fails_though_others_get_through()
    {
        var (id, sid) = await SentAsync();
        await _sending.ReportAsync(sid, "undelivered", 30007, messageId: id, attempt: 1);
        await Db.AddUsersAsync("bob");
        var bob = await _sending.HandOverAsync("bob");
        Db.Now += Duration.FromSeconds(20);
        await _sending.SendAsync();
        await _sending.ReportAsync(Twilio.Accepted[^1].Sid, "delivered", messageId: bob, attempt: 1);
        await _sending.SendUntilNothingWaitsAsync();

        await _sending.ReportAsync(Twilio.Accepted[^1].Sid, "undelivered", 30007, messageId: id, attempt: 2);

        (await _sending.StatusOfAsync(id)).ShouldBe("undelivered");
        (await Db.SingleAsync<string?>("SELECT stopped_by FROM sms_gate")).ShouldBeNull();
    }

    [Fact]
    public async Task A_hundred_reports_at_the_same_moment_come_to_the_same_end()
    {
        var (id, sid) = await SentAsync();
        string[] words = ["queued", "sent", "delivered", "sending"];

        await Task.WhenAll(Enumerable.Range(0, 100).Select(i => _sending.ReportAsync(sid, words[i % 4], messageId: id, attempt: 1)));

        (await _sending.StatusOfAsync(id)).ShouldBe("delivered");
        (await _sending.TrailOfAsync(id)).Count(t => t == "sms_delivered").ShouldBe(1);
    }
}
