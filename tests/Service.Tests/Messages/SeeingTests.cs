using Orchestrator.Core;
using Orchestrator.Service.Messages;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Tests.Sms;
using static Orchestrator.Service.Tests.AdoptedDatabase;

namespace Orchestrator.Service.Tests.Messages;

public sealed class SeeingTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    public async ValueTask InitializeAsync()
    {
        _sending = await Sending.CreateAsync(server);
        await Db.AddUsersAsync("ann", "bob");
    }

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    private async Task<MessageView> SeeAsync(Guid id) =>
        (await Db.NewReader().FindAsync(id, TestContext.Current.CancellationToken)).ShouldNotBeNull();

    private Task<Guid> ScheduleAsync(ScheduleRequest request) => Db.ScheduledIdAsync(request);

    private Task<MessagePage> ListAsync(MessageFilter filter) => Db.NewReader().ListAsync(filter, TestContext.Current.CancellationToken);

    [Fact]
    public async Task What_holds_a_message_back_is_told_with_its_end_and_the_trail_begins_with_the_queueing()
    {
        await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, Topic = "match" });

        var message = await SeeAsync(id);

        (message.Status, message.Code, message.Reason).ShouldBe(("queued", "cooldown", Hold.Cooldown.Sentence()));
        (message.ScheduledFor, message.NotBefore, message.Topic).ShouldBe((Db.Now + Duration.FromSeconds(30), null, "match"));
        message.MessageData!.Text.ShouldContain("matched");
        message.Sms.ShouldBeNull();
        message.Trail!.Select(e => (e.At, e.Event, e.Code, e.Until)).ShouldBe(
        [
            (Db.Now, "message_queued", null, null),
            (Db.Now, "message_deferred", "cooldown", Db.Now + Duration.FromSeconds(30)),
        ]);
        message.Trail![1].Reason.ShouldBe(Hold.Cooldown.Sentence());
    }

    [Fact]
    public async Task The_trail_names_the_key_of_whoever_queued_changed_and_cancelled_and_tells_the_queueing_once()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, ScheduledBy = "concierge" });
        Db.Now += Duration.FromSeconds(1);
        await Db.NewChanges().ChangeAsync(
            id, new ChangeRequest { Fields = ["priority"], Lane = Lane.Low, ChangedBy = "innovator" }, TestContext.Current.CancellationToken);
        Db.Now += Duration.FromSeconds(1);
        await Db.NewChanges().ChangeAsync(id, new ChangeRequest { Fields = ["priority"], Lane = Lane.High }, TestContext.Current.CancellationToken);
        Db.Now += Duration.FromSeconds(1);
        await Db.NewCancellation().CancelAsync(id, "office", TestContext.Current.CancellationToken);

        (await SeeAsync(id)).Trail!.Select(e => (e.Event, e.Key)).ShouldBe(
            [("message_queued", "concierge"), ("message_changed", "innovator"), ("message_changed", null), ("message_cancelled", "office")]);
    }

    [Fact]
    public async Task From_the_queue_to_the_phone_every_step_stands_in_one_trail()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        await Db.DispatchAsync();
        (await SeeAsync(id)).Sms!.Status.ShouldBe("pending");
        Db.Now += Duration.FromSeconds(1);
        await _sending.SendAsync();
        Db.Now += Duration.FromSeconds(1);
        await _sending.ReportAsync(_sending.Twilio.Accepted.Single().Sid, "delivered");

        var message = await SeeAsync(id);

        (message.Status, message.Code, message.Sms!.Status, message.Sms.DeliveredAt).ShouldBe(("sent", null, "delivered", Db.Now));
        message.Trail!.Select(e => e.Event).ShouldBe(["message_queued", "message_delivered", "sms_sent", "sms_delivered"]);
        message.Trail!.Select(e => e.At).ShouldBeInOrder();
        message.Trail![1].Reason.ShouldBe(Reasons.DeliveredSentence);
    }

    [Fact]
    public async Task What_keeps_an_SMS_from_the_phone_is_told_in_the_providers_words()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        await Db.DispatchAsync();
        _sending.Twilio.Next(new Orchestrator.Fakes.FakeAnswer.Refuse(400, 21614));
        await _sending.SendAsync();

        var sms = (await SeeAsync(id)).Sms.ShouldNotBeNull();

        (sms.Status, sms.Code).ShouldBe(("failed", "21614"));
        sms.Reason.ShouldNotBeNullOrWhiteSpace();
    }

    [Fact]
    public async Task An_SMS_that_waits_for_its_next_try_says_when_that_is()
    {
        var id = await _sending.HandOverAsync("ann");
        _sending.Twilio.Next(new Orchestrator.Fakes.FakeAnswer.Refuse(400, 30001));
        await _sending.SendAsync();

        var message = await SeeAsync(id);

        var due = await Db.SingleAsync<Instant>("SELECT due_at FROM sms_turns");
        due.ShouldBeGreaterThan(Db.Now);
        (message.Sms!.Status, message.Sms.Code, message.Sms.NextLookAt, message.Trail![^1].Until).ShouldBe(("pending", "30001", due, due));
        (await ListAsync(new MessageFilter())).Messages.ShouldHaveSingleItem().Sms!.NextLookAt.ShouldBeNull();
    }

    [Fact]
    public async Task While_sending_is_stopped_that_is_what_keeps_a_message_that_was_tried_before_and_nobody_looks_at_it()
    {
        var id = await _sending.HandOverAsync("ann");
        _sending.Twilio.Next(new Orchestrator.Fakes.FakeAnswer.Refuse(400, 30001));
        await _sending.SendAsync();
        await Db.ExecuteAsync("UPDATE sms_gate SET stopped_at = now(), stopped_by = '20003'");

        var sms = (await SeeAsync(id)).Sms!;

        (sms.Status, sms.Code, sms.Reason, sms.NextLookAt).ShouldBe(("pending", "sending_stopped", Reasons.SendingStoppedSentence, null));
    }

    [Fact]
    public async Task What_kept_an_SMS_back_is_told_no_more_once_the_provider_has_it()
    {
        var id = await _sending.HandOverAsync("ann");
        _sending.Twilio.Next(new Orchestrator.Fakes.FakeAnswer.Refuse(400, 30001));
        await _sending.SendAsync();
        Db.Now = await Db.SingleAsync<Instant>("SELECT due_at FROM sms_turns");
        await _sending.SendAsync();

        var message = await SeeAsync(id);

        (message.Sms!.Status, message.Sms.Code, message.Sms.Reason).ShouldBe(("sent", null, null));
        message.Trail!.Select(e => (e.Event, e.Code)).ShouldContain(("sms_deferred", "30001"));
    }

    [Fact]
    public async Task An_SMS_of_which_nobody_knows_whether_the_provider_took_it_says_so()
    {
        var id = await _sending.HandOverAsync("ann");
        _sending.Twilio.Next(new Orchestrator.Fakes.FakeAnswer.Refuse(500, null));
        await _sending.SendAsync();

        var sms = (await SeeAsync(id)).Sms!;

        (sms.Status, sms.Code, sms.Reason).ShouldBe(("sending", "outcome_unknown", "The provider did not say that it took the request; it is asked whether it took the message."));
    }

    [Fact]
    public async Task A_message_that_will_expire_before_it_may_go_says_so()
    {
        await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, ExpiresAt = Db.Now + Duration.FromSeconds(20) });

        var message = await SeeAsync(id);

        (message.Code, message.Reason, message.ScheduledFor).ShouldBe(
            ("cooldown", $"{Hold.Cooldown.Sentence()} It expires before it may go.", message.ExpiresAt));
        message.Trail![^1].Reason.ShouldBe(message.Reason);
    }

    [Fact]
    public async Task What_was_handed_over_before_this_service_sent_anything_waits_for_whoever_sent_before()
    {
        var id = await _sending.HandOverAsync("ann");
        await Db.ExecuteAsync("UPDATE sms_gate SET sends_from = 'infinity'");

        (await SeeAsync(id)).Sms!.Code.ShouldBe("external_sender");
    }

    [Theory]
    [InlineData(SmsDelivery.External, null, "external_sender")]
    [InlineData(SmsDelivery.Twilio, "20003", "sending_stopped")]
    [InlineData(SmsDelivery.Twilio, null, null)]
    public async Task A_message_that_nobody_has_tried_to_send_says_whom_it_waits_for(SmsDelivery delivery, string? stoppedBy, string? code)
    {
        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { Delivery = delivery } };
        await Db.ExecuteAsync("UPDATE sms_gate SET stopped_at = CASE WHEN @stoppedBy::text IS NOT NULL THEN now() END, stopped_by = @stoppedBy", new { stoppedBy });

        (await SeeAsync(await _sending.HandOverAsync("ann"))).Sms!.Code.ShouldBe(code);
    }

    [Fact]
    public async Task The_time_asked_for_is_told_and_never_one_that_a_rule_has_set()
    {
        var asked = Db.Now + Duration.FromHours(2);
        var wished = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, ScheduledFor = asked });
        var plain = await ScheduleAsync(Some.Request("bob") with { Lane = Lane.High });
        await Db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date, daily_limit) VALUES ('bob', '2025-10-15', 0)");
        await Db.DispatchAsync();

        (await SeeAsync(wished)).NotBefore.ShouldBe(asked);
        var held = await SeeAsync(plain);
        (held.Code, held.NotBefore).ShouldBe(("daily_limit_reached", null));
        (await Db.SingleAsync<Instant?>("SELECT not_before FROM message_queue WHERE id = @plain", new { plain })).ShouldBe(Db.Now);
    }

    [Fact]
    public async Task The_parts_of_a_sequence_that_came_one_by_one_do_not_tell_its_slot_as_a_time_asked_for()
    {
        var parts = new List<Guid>();
        for (var position = 1; position <= 2; position++)
        {
            parts.Add(await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, Sequence = new SequencePlace("s1", position, 2) }));
            Db.Now += Duration.FromSeconds(1);
        }

        await Db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date, daily_limit) VALUES ('ann', '2025-10-15', 0)");
        await Db.DispatchAsync();

        foreach (var part in parts)
            (await SeeAsync(part)).NotBefore.ShouldBeNull();
        (await SeeAsync(parts[1])).Sequence.ShouldBe(new SequenceView("s1", 2, 2));
    }

    [Fact]
    public async Task While_a_model_is_at_it_no_time_is_promised()
    {
        var id = await ScheduleAsync(Some.Request("ann"));
        await Db.ExecuteAsync("UPDATE message_queue SET reason = 'rendering', render_claim = gen_random_uuid(), scheduled_for = @until",
            new { until = Db.Now + Duration.FromMinutes(2) });

        var message = await SeeAsync(id);

        (message.ScheduledFor, message.Code, message.Reason).ShouldBe((null, "rendering", Reasons.RenderingSentence));
    }

    [Fact]
    public async Task What_other_programs_write_into_rows_and_trail_never_makes_a_message_unreadable()
    {
        var id = await ScheduleAsync(Some.Request("ann"));
        var nested = string.Concat(Enumerable.Repeat("[", 500)) + string.Concat(Enumerable.Repeat("]", 500));
        await Db.ExecuteAsync(
            """
            UPDATE message_queue SET message_data = jsonb_build_object('deep', @nested::jsonb, 'big', 1e300), scheduled_for = 'infinity', expires_at = 'infinity',
              not_before = '-infinity', created_at = 'infinity', reason = 'word_of_its_own';
            INSERT INTO agent_actions_log (agent_type, action_type, context_id, output_data, created_at) VALUES
              ('message_orchestrator', 'odd', @id, '"text"', '2025-01-01Z'), ('message_orchestrator', 'odd', @id, NULL, '2025-01-02Z'),
              ('message_orchestrator', 'odd', @id, '{"code": {"a": 1}, "until": "soon", "fields": [1, {}]}', '2025-01-03Z')
            """,
            new { id, nested });

        var message = await SeeAsync(id);

        message.Trail!.Count(e => e.Event == "odd").ShouldBe(3);
        System.Text.Json.JsonSerializer.Serialize(message).ShouldContain("[[[[");
        (await ListAsync(new MessageFilter())).Messages.ShouldHaveSingleItem().Code.ShouldBe("word_of_its_own");
    }

    [Fact]
    public async Task Adopted_rows_are_seen_and_listed_newest_first_those_without_a_time_last()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        await new Service.Postgres.Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        var reader = adopted.NewReader();

        var all = (await reader.ListAsync(new MessageFilter(), TestContext.Current.CancellationToken)).Messages;
        all.Count.ShouldBe(9);
        all[^1].Id.ShouldBe(BobsApproved);
        var anns = await reader.ListAsync(new MessageFilter { UserId = Ann.ToUpperInvariant() }, TestContext.Current.CancellationToken);
        anns.Messages.Select(m => m.Status).ShouldBe(["queued", "sent", "superseded"]);
        anns.Messages[1].Sms!.Status.ShouldBe("delivered");
        (await reader.ListAsync(new MessageFilter { UserId = "nobody" }, TestContext.Current.CancellationToken)).Messages.ShouldBeEmpty();
        foreach (var message in all)
            (await reader.FindAsync(message.Id, TestContext.Current.CancellationToken)).ShouldNotBeNull().Trail.ShouldNotBeNull();
    }

    [Fact]
    public async Task Filters_hold_together()
    {
        var a = await ScheduleAsync(Some.Request("ann") with { Topic = "x" });
        var b = await ScheduleAsync(Some.Request("ann") with { Topic = "x" });
        var c = await ScheduleAsync(Some.Request("ann"));
        var d = await ScheduleAsync(Some.Request("bob") with { Topic = "x" });

        (await IdsAsync(new MessageFilter())).ShouldBe([d, c, b, a], ignoreOrder: true);
        (await IdsAsync(new MessageFilter { UserId = "ann", Topic = "x" })).ShouldBe([b, a], ignoreOrder: true);
        (await IdsAsync(new MessageFilter { UserId = "ann", Status = "superseded" })).ShouldBe([a]);
        (await IdsAsync(new MessageFilter { Status = "superseded" })).ShouldBe([a]);

        async Task<IEnumerable<Guid>> IdsAsync(MessageFilter filter) => (await ListAsync(filter)).Messages.Select(m => m.Id);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("ann", null)]
    [InlineData(null, "queued")]
    public async Task Pages_hold_every_message_once_though_many_have_one_time_and_more_come_meanwhile(string? userId, string? status)
    {
        const string Insert =
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, created_at)
            SELECT 'ann', 'agent', '{"content": "x"}', @now, @now + (i / 10) * interval '1 second' FROM generate_series(1, @count) AS i
            """;
        await Db.ExecuteAsync(Insert, new { now = Db.Now, count = 95 });
        var known = await Db.QueryAsync<Guid>("SELECT id FROM message_queue");

        var seen = new List<MessageView>();
        for (var filter = new MessageFilter { UserId = userId, Status = status, Limit = 7 }; ;)
        {
            var page = await ListAsync(filter);
            seen.AddRange(page.Messages);
            if (page.NextCursor is null)
                break;
            filter = filter with { After = ListCursor.Parse(page.NextCursor).ShouldNotBeNull() };
            await Db.ExecuteAsync(Insert, new { now = Db.Now + Duration.FromHours(1), count = 5 });
        }

        seen.Select(m => m.Id).ShouldBe(known, ignoreOrder: true);
        seen.Select(m => m.CreatedAt).ShouldBeInOrder(SortDirection.Descending);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")]
    [InlineData("gAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void A_cursor_that_this_service_did_not_give_is_told_from_one_that_it_did(string text)
    {
        ListCursor.Parse(text).ShouldBeNull();
        var given = new ListCursor(Db.Now, Guid.CreateVersion7());
        ListCursor.Parse(given.ToString()).ShouldBe(given);
    }
}
