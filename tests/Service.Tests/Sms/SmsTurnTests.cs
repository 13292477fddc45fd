using Dapper;
using Npgsql;
using Orchestrator.Fakes;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>
/// Whose turn it is, when several instances look at the same moment: each rule with somebody else holding the row that matters, and
/// changing it before letting go.
/// </summary>
public sealed class SmsTurnTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    private FakeTwilio Twilio => _sending.Twilio;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _sending = await Sending.CreateAsync(server);
        await Db.AddUsersAsync("ann", "bob");
    }

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    private async Task<ClaimedSms> ClaimAsync() => (await Db.NewLedger().ClaimToSendAsync(1, Cancellation)).ShouldHaveSingleItem();

    private Task<Instant?> StartAsync(ClaimedSms sms) =>
        Db.NewLedger().StartSendingAsync(sms, _sending.Provider.Account, Sending.UsersNumber, Cancellation);

    [Fact]
    public async Task Whoever_has_the_turn_may_send_once()
    {
        await _sending.HandOverAsync("ann");
        var sms = await ClaimAsync();

        (await StartAsync(sms)).ShouldBe(Db.Now);
        (await StartAsync(sms)).ShouldBeNull("a request is under way");
        await Db.ExecuteAsync("UPDATE messages SET status = 'pending'");
        (await StartAsync(sms)).ShouldBeNull("whatever its row says");
        (await Db.SingleAsync<int>("SELECT sms_attempts FROM messages")).ShouldBe(1);
    }

    [Fact]
    public async Task Whose_lease_has_ended_may_not_send()
    {
        await _sending.HandOverAsync("ann");
        var sms = await ClaimAsync();
        Db.Now = sms.Turn.LeaseEnd;

        (await StartAsync(sms)).ShouldBeNull();
    }

    [Fact]
    public async Task Whose_turn_was_taken_over_may_not_send()
    {
        await _sending.HandOverAsync("ann");
        var sms = await ClaimAsync();

        (await StartAsync(sms with { Claim = Guid.NewGuid() })).ShouldBeNull();
        (await StartAsync(sms)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_user_whom_another_program_has_opted_out_is_sent_nothing()
    {
        await _sending.HandOverAsync("ann");
        var sms = await ClaimAsync();
        await Db.ExecuteAsync("UPDATE users SET opted_out = true");

        (await StartAsync(sms)).ShouldBeNull();
    }

    [Fact]
    public async Task A_turn_taken_over_while_the_last_look_waits_for_the_message_is_not_used()
    {
        await _sending.HandOverAsync("ann");
        var sms = await ClaimAsync();
        await using var other = await HoldAsync("SELECT FROM messages FOR UPDATE");
        var started = StartAsync(sms);
        await Db.UntilSomebodyWaitsForALockAsync();
        Db.Now = sms.Turn.LeaseEnd;
        var taken = await ClaimAsync();
        await other.LetGoAsync();

        (await started).ShouldBeNull();
        (await StartAsync(taken)).ShouldNotBeNull();
    }

    [Fact]
    public async Task A_turn_that_was_given_to_another_instance_while_this_one_waited_for_the_gate_is_not_taken()
    {
        var id = await _sending.HandOverAsync("ann");
        await using var other = await HoldAsync("SELECT FROM sms_gate FOR UPDATE");
        await other.ExecuteAsync(
            "INSERT INTO sms_turns (user_id, message_id, claim, due_at) VALUES ('ann', @id, gen_random_uuid(), @dueAt)",
            new { id, dueAt = Db.Now + Duration.FromSeconds(30) });
        var claimed = Db.NewLedger().ClaimToSendAsync(10, Cancellation);
        await Db.UntilSomebodyWaitsForALockAsync();
        await other.LetGoAsync();

        (await claimed).ShouldBeEmpty();
    }

    [Fact]
    public async Task What_another_instance_has_used_of_the_rate_while_this_one_waited_for_the_gate_counts()
    {
        await _sending.HandOverAsync("ann");
        await using var other = await HoldAsync("SELECT FROM sms_gate FOR UPDATE");
        await other.ExecuteAsync("UPDATE sms_gate SET free_at = @freeAt", new { freeAt = Db.Now + Duration.FromSeconds(1) });
        var claimed = Db.NewLedger().ClaimToSendAsync(10, Cancellation);
        await Db.UntilSomebodyWaitsForALockAsync();
        await other.LetGoAsync();

        (await claimed).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_turn_that_somebody_is_busy_with_keeps_nobody_waiting()
    {
        await _sending.HandOverAsync("ann");
        await _sending.HandOverAsync("bob");
        foreach (var sms in await Db.NewLedger().ClaimToSendAsync(10, Cancellation))
            await StartAsync(sms);
        Db.Now += Duration.FromMinutes(1);
        await using var other = await HoldAsync("SELECT FROM sms_turns WHERE user_id = 'ann' FOR UPDATE");

        (await Db.NewLedger().ClaimToAskAsync(10, Cancellation)).ShouldHaveSingleItem().Turn.UserId.ShouldBe("bob");
    }

    [Fact]
    public async Task A_turn_that_is_due_again_and_somebody_is_busy_with_keeps_nobody_waiting()
    {
        await _sending.HandOverAsync("ann");
        await _sending.HandOverAsync("bob");
        (await Db.NewLedger().ClaimToSendAsync(10, Cancellation)).Count.ShouldBe(2);
        Db.Now += Duration.FromMinutes(1);
        await using var other = await HoldAsync("SELECT FROM sms_turns WHERE user_id = 'ann' FOR UPDATE");

        (await Db.NewLedger().ClaimToSendAsync(10, Cancellation)).ShouldHaveSingleItem().Turn.UserId.ShouldBe("bob");
    }

    [Fact]
    public async Task What_became_of_an_earlier_request_changes_nothing_once_there_is_a_later_one()
    {
        var id = await _sending.HandOverAsync("ann");
        var sms = await ClaimAsync();
        await StartAsync(sms);
        await Db.ExecuteAsync("UPDATE messages SET sms_attempts = 2");
        var ledger = Db.NewLedger();

        (await ledger.RecordSentAsync(sms.Turn, 1, "SM1", Db.Now, Db.Now, Cancellation)).ShouldBeFalse();
        await ledger.RecordEndedAsync(sms.Turn, 1, "failed", "30005", "Gone.", Db.Now, Cancellation);
        await ledger.RecordWaitingAsync(sms.Turn, 1, new SmsWait("30003", "Off.", Db.Now), Db.Now, Cancellation);

        (await _sending.StatusOfAsync(id), await _sending.ErrorOfAsync(id)).ShouldBe(("sending", null));
        (await Db.SingleAsync<string?>("SELECT sid FROM sms_requests")).ShouldBe("SM1", "but that it was taken is remembered");
    }

    [Fact]
    public async Task A_process_that_slept_longer_than_an_answer_is_waited_for_before_its_request_sends_nothing()
    {
        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { Timeout = Duration.Epsilon } };
        var id = await _sending.HandOverAsync("ann");
        var sender = Db.NewSender(_sending.Provider);
        await sender.HandleAsync(await ClaimAsync(), Cancellation);

        Twilio.Requests.ShouldBeEmpty();
        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
        (await Db.SingleAsync<int>("SELECT sms_tries FROM messages")).ShouldBe(0);
    }

    [Fact]
    public async Task A_turn_whose_message_a_STOP_has_called_off_is_free_at_once()
    {
        await _sending.HandOverAsync("ann", "1");
        Twilio.Next(new FakeAnswer.Refuse(400, 21611));
        await _sending.SendAsync();
        await ReceiveAsync("STOP");
        await ReceiveAsync("START");
        await _sending.HandOverAsync("ann", "2");
        await _sending.SendAsync();

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["2"]);
    }

    [Fact]
    public async Task Who_writes_in_quiet_hours_is_awake_and_what_waited_for_their_end_goes()
    {
        await HoldForTheMorningAsync();
        await ReceiveAsync("Are you there?");
        Db.Now += Duration.FromSeconds(1);
        await _sending.SendAsync();

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["held"]);
        Db.Now += Duration.FromSeconds(30);
        await _sending.SendAsync();
        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["held", "reply"]);
    }

    [Fact]
    public async Task Who_writes_in_quiet_hours_to_another_program_is_found_awake_within_five_minutes()
    {
        var held = await HoldForTheMorningAsync();
        await Db.ExecuteAsync(
            "INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, created_at) VALUES (gen_random_uuid(), 'c_ann', 'ann', 'user', 'Hello?', 'inbound', 'received', @now)",
            new { now = Db.Now });
        Db.Now += Duration.FromMinutes(5);
        await _sending.SendAsync();

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["held"]);
        (await _sending.TrailOfAsync(held)).ShouldBe(["sms_deferred", "sms_sent"], "the wait is told once");
    }

    [Fact]
    public async Task A_message_that_expires_while_it_waits_for_another_try_frees_the_turn_then()
    {
        var id = await _sending.HandOverAsync("ann", "1", expiresAt: Db.Now + Duration.FromSeconds(40));
        Twilio.Next(new FakeAnswer.Refuse(400, 21611));
        await _sending.SendAsync();
        await _sending.HandOverAsync("ann", "2");
        Db.Now += Duration.FromSeconds(40);
        await _sending.SendAsync();

        (await _sending.StatusOfAsync(id)).ShouldBe("expired");
        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["2"]);
    }

    [Fact]
    public async Task A_row_that_cannot_be_read_keeps_only_its_own_message_back()
    {
        await Db.ExecuteAsync(
            "ALTER TABLE users ALTER quiet_hours_start TYPE text; UPDATE users SET quiet_hours_start = 'after supper', quiet_hours_end = '08:00' WHERE id = 'ann'");
        await _sending.HandOverAsync("ann", "ann's");
        await _sending.HandOverAsync("bob", "bob's");
        await _sending.SendAsync();

        Twilio.Accepted.Select(sms => sms.Body).ShouldContain("bob's");
    }

    [Fact]
    public async Task A_STOP_and_the_last_look_at_a_message_that_was_just_woken_do_not_lock_each_other_out()
    {
        var held = await _sending.HandOverAsync("ann", "held");
        await Db.ExecuteAsync("UPDATE users SET phone_number = '+15555550177' WHERE id = 'bob'");
        Db.Now = Instant.FromUtc(2025, 10, 16, 3, 0);
        await _sending.SendAsync();
        (await _sending.ErrorOfAsync(held)).ShouldBe("quiet_hours");
        await using var lastLook = await HoldAsync("SELECT FROM messages WHERE content = 'held' FOR NO KEY UPDATE");
        var stop = Db.NewInboundMessages().ReceiveAsync(new InboundMessage("SM1", Sending.UsersNumber, "STOP", 0, null), Cancellation);
        await Db.UntilSomebodyWaitsForALockAsync();

        await Task.WhenAll(stop, lastLook.ExecuteAsync("SELECT FROM sms_turns FOR NO KEY UPDATE; COMMIT"));
        (await _sending.StatusOfAsync(held)).ShouldBe("cancelled");
    }

    [Fact]
    public async Task A_STOP_is_heard_from_the_number_that_a_message_of_a_closed_conversation_goes_to()
    {
        await Db.ExecuteAsync("UPDATE users SET phone_number = '+15555550111' WHERE id = 'ann'; UPDATE users SET phone_number = '+15555550112' WHERE id = 'bob'");
        var id = await _sending.HandOverAsync("ann");
        await Db.ExecuteAsync(
            "INSERT INTO conversations (id, user_id, phone_number, status) VALUES ('c_ann', 'ann', '+15555550133', 'closed') ON CONFLICT (id) DO UPDATE SET phone_number = '+15555550133', status = 'closed'");
        await Db.NewInboundMessages().ReceiveAsync(new InboundMessage("SM1", "+15555550133", "STOP", 0, null), Cancellation);
        await _sending.SendAsync();
        Twilio.Accepted.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_STOP_is_heard_from_a_number_that_was_written_down_without_its_plus()
    {
        await Db.ExecuteAsync("UPDATE users SET phone_number = '15555550111' WHERE id = 'ann'");
        await _sending.HandOverAsync("ann");
        await Db.NewInboundMessages().ReceiveAsync(new InboundMessage("SM1", "+15555550111", "STOP", 0, null), Cancellation);
        await _sending.SendAsync();
        Twilio.Accepted.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_report_and_a_time_out_of_one_message_do_not_lock_each_other_out()
    {
        var id = await _sending.HandOverAsync("ann");
        var sms = await ClaimAsync();
        await StartAsync(sms);
        await using var report = await HoldAsync("SELECT FROM messages FOR NO KEY UPDATE");
        await report.ExecuteAsync("SELECT FROM sms_gate FOR UPDATE");
        var unknown = Db.NewLedger().RecordUnknownAsync(sms, "outcome_unknown", "No answer.", Db.Now, isNew: true, counts: true, Db.Now, Cancellation);
        await Db.UntilSomebodyWaitsForALockAsync();

        await report.ExecuteAsync("SELECT FROM sms_turns FOR NO KEY UPDATE; COMMIT");

        (await unknown).ShouldBe(1);
        (await _sending.StatusOfAsync(id)).ShouldBe("sending");
    }

    [Fact]
    public async Task A_place_that_is_given_back_does_not_shorten_a_pause_that_the_provider_has_asked_for()
    {
        var until = Db.Now + Duration.FromMinutes(5);
        await Db.NewLedger().PauseSendingAsync(until, Cancellation);
        await Db.NewLedger().GiveBackSlotAsync(Db.Now, Cancellation);

        (await Db.SingleAsync<Instant>("SELECT free_at FROM sms_gate")).ShouldBe(until);
    }

    private async Task<Guid> HoldForTheMorningAsync()
    {
        var held = await _sending.HandOverAsync("ann", "held");
        Db.Now = Instant.FromUtc(2025, 10, 16, 3, 0); // 23:00 in New York
        await _sending.SendAsync();
        Db.Now += Duration.FromMinutes(2);
        await _sending.SendAsync();
        await _sending.HandOverAsync("ann", "reply", lane: "urgent");
        Twilio.Accepted.ShouldBeEmpty();
        return held;
    }

    private Task ReceiveAsync(string text) => Db.NewInboundMessages().ReceiveAsync(
        new InboundMessage($"SM{Guid.NewGuid():N}", Sending.UsersNumber, text, 0, null), Cancellation);

    private async Task<Holder> HoldAsync(string sql)
    {
        var holder = new Holder(await Db.DataSource.OpenConnectionAsync(Cancellation));
        await holder.ExecuteAsync("BEGIN; " + sql);
        return holder;
    }

    /// <summary>Somebody else's transaction, with the locks it holds.</summary>
    private sealed class Holder(NpgsqlConnection connection) : IAsyncDisposable
    {
        public Task<int> ExecuteAsync(string sql, object? parameters = null) => connection.ExecuteAsync(sql, parameters);

        public Task<int> LetGoAsync() => ExecuteAsync("COMMIT");

        public ValueTask DisposeAsync() => connection.DisposeAsync();
    }
}
