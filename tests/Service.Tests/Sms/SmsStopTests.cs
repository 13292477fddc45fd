using System.Globalization;
using Orchestrator.Fakes;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>When sending stops for everyone, what is tried meanwhile, and when it goes on.</summary>
public sealed class SmsStopTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    private FakeTwilio Twilio => _sending.Twilio;

    private IEnumerable<string> AcceptedTexts => Twilio.Accepted.Select(sms => sms.Body);

    private Task<string?> StoppedByAsync() => Db.SingleAsync<string?>("SELECT stopped_by FROM sms_gate");

    public async ValueTask InitializeAsync() => _sending = await Sending.CreateAsync(server);

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    [Fact]
    public async Task Two_messages_that_carriers_filter_do_not_keep_everyone_elses_back()
    {
        string[] users = ["filtered1", "filtered2", "a", "b", "c"];
        await AddAsync(users);
        var ids = new Dictionary<string, Guid>();
        foreach (var user in users)
        {
            ids[user] = await _sending.HandOverAsync(user, user);
            Db.Now += Duration.FromMilliseconds(10);
        }

        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { Concurrency = 1 } };
        var reported = 0;
        for (var step = 0; step < 500 && !users[2..].All(AcceptedTexts.Contains); step++)
        {
            await _sending.SendAsync();
            for (; reported < Twilio.Accepted.Count; reported++)
            {
                var sms = Twilio.Accepted[reported];
                var attempt = int.Parse(sms.StatusCallback!.Split("attempt=")[1], CultureInfo.InvariantCulture);
                if (sms.Body.StartsWith("filtered", StringComparison.Ordinal))
                    await _sending.ReportAsync(sms.Sid, "undelivered", 30007, ids[sms.Body], attempt);
                else
                    await _sending.ReportAsync(sms.Sid, "delivered", null, ids[sms.Body], attempt);
            }

            Db.Now += Duration.FromSeconds(5);
        }

        AcceptedTexts.ShouldContain("a");
        AcceptedTexts.ShouldContain("b");
        AcceptedTexts.ShouldContain("c");
    }

    [Fact]
    public async Task Messages_that_make_no_request_do_not_use_up_the_trials()
    {
        string[] without = [.. Enumerable.Range(0, 40).Select(i => $"without{i:00}")];
        await AddAsync([.. without, "first", "with"]);
        await Db.ExecuteAsync("UPDATE users SET phone_number = '' WHERE id LIKE 'without%'");
        await _sending.HandOverAsync("first");
        Twilio.Next(new FakeAnswer.Refuse(401, 20003));
        await _sending.SendAsync();
        foreach (var user in (string[])[.. without, "with"])
        {
            Db.Now += Duration.FromMilliseconds(1);
            await _sending.HandOverAsync(user, user);
        }

        Db.Now += Duration.FromSeconds(20);
        await _sending.SendAsync();

        AcceptedTexts.ShouldContain("with");
        (await StoppedByAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_refusal_that_is_the_messages_own_lets_the_next_one_be_tried_at_once()
    {
        await AddAsync("first", "wrong", "right");
        await _sending.HandOverAsync("first");
        Twilio.Next(new FakeAnswer.Refuse(401, 20003), new FakeAnswer.Refuse(400, 21211));
        await _sending.SendAsync();
        await _sending.HandOverAsync("wrong", "wrong");
        Db.Now += Duration.FromMilliseconds(1);
        await _sending.HandOverAsync("right", "right");

        Db.Now += Duration.FromSeconds(20);
        await _sending.SendAsync();

        AcceptedTexts.ShouldBe(["right"]);
    }

    [Fact]
    public async Task While_sending_is_stopped_one_message_is_tried_at_a_time_by_however_many_instances()
    {
        string[] users = [.. Enumerable.Range(0, 20).Select(i => $"u{i:00}")];
        await AddAsync(users);
        await _sending.HandOverAsync(users[0]);
        Twilio.Script = _ => new FakeAnswer.Refuse(401, 20003);
        await _sending.SendAsync();
        foreach (var user in users[1..])
            await _sending.HandOverAsync(user);
        Db.Now += Duration.FromSeconds(60);

        var requests = Twilio.SendRequests.Count;
        var claimed = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ =>
            Db.NewLedger().ClaimToSendAsync(10, TestContext.Current.CancellationToken)));

        claimed.Sum(c => c.Count).ShouldBe(1);
        Twilio.SendRequests.Count.ShouldBe(requests);
    }

    [Fact]
    public async Task A_fault_of_everyones_uses_up_no_tries()
    {
        await AddAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Script = _ => new FakeAnswer.Refuse(401, 20003);
        for (var minute = 0; minute < 60; minute++)
        {
            await _sending.SendAsync();
            Db.Now += Duration.FromMinutes(1);
        }

        Twilio.SendRequests.Count.ShouldBeGreaterThan(Db.Settings.Sms.Tries);
        Twilio.Script = _ => new FakeAnswer.Accept();
        Twilio.Next(new FakeAnswer.Refuse(429, 20429));
        await _sending.SendUntilNothingWaitsAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("sent");
        Twilio.Accepted.ShouldHaveSingleItem().StatusCallback!.ShouldEndWith($"attempt={Twilio.SendRequests.Count}", customMessage: "each request has its own number");
    }

    [Fact]
    public async Task A_reported_fault_of_everyones_uses_up_no_tries_either()
    {
        await AddAsync("ann");
        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { Tries = 2 } };
        var id = await _sending.HandOverAsync("ann");
        for (var attempt = 1; attempt <= 4; attempt++)
        {
            await _sending.SendAsync();
            await _sending.ReportAsync(Twilio.Accepted[^1].Sid, "undelivered", 30034, id, attempt);
            Db.Now += Duration.FromMinutes(10);
        }

        Twilio.Accepted.Count.ShouldBe(4);
        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
    }

    [Fact]
    public async Task A_provider_that_answers_nobody_for_hours_loses_no_message()
    {
        string[] users = ["a", "b", "c", "d"];
        await AddAsync(users);
        foreach (var user in users)
            await _sending.HandOverAsync(user, user);
        Twilio.Script = _ => new FakeAnswer.Fail(503);
        var until = Db.Now + Duration.FromHours(8);
        while (Db.Now < until)
        {
            await _sending.SendAsync();
            Db.Now += Duration.FromMinutes(3);
        }

        Twilio.SendRequests.Count.ShouldBeGreaterThan(80);
        (await StoppedByAsync()).ShouldBe("provider_failing");
        Twilio.Script = _ => new FakeAnswer.Accept();
        await _sending.SendUntilNothingWaitsAsync();

        AcceptedTexts.Order().ShouldBe(users);
        (await StoppedByAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_message_that_alone_gets_no_answer_is_given_up_while_others_get_through()
    {
        await AddAsync("poison", "a");
        var id = await _sending.HandOverAsync("poison", "poison");
        Twilio.Script = request => request.Field("Body") == "poison" ? new FakeAnswer.Fail() : new FakeAnswer.Accept();
        for (var round = 0; round < 200 && await _sending.StatusOfAsync(id) != "failed"; round++)
        {
            await _sending.HandOverAsync("a", "a");
            await _sending.SendAsync();
            Db.Now += Duration.FromMinutes(2);
        }

        (await _sending.ErrorOfAsync(id)).ShouldBe("not_taken");
        Twilio.SendRequests.Count(request => request.Field("Body") == "poison").ShouldBe(Db.Settings.Sms.Tries);
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(6, false)]
    public async Task A_fault_that_shows_later_is_gone_when_none_has_shown_for_five_minutes(int minutes, bool stopped)
    {
        await AddAsync("ann", "bob", "cyd");
        var ann = await _sending.HandOverAsync("ann");
        await _sending.SendAsync();
        await _sending.ReportAsync(Twilio.Accepted[0].Sid, "undelivered", 30034, ann, 1);
        var bob = await _sending.HandOverAsync("bob");
        Db.Now += Duration.FromSeconds(20);
        await _sending.SendAsync();
        await _sending.ReportAsync(Twilio.Accepted[1].Sid, "sent", null, bob, 1);
        (await StoppedByAsync()).ShouldBe("30034", "its carrier has it, which is no proof");

        Db.Now += Duration.FromMinutes(minutes);
        await _sending.SendAsync();

        (await StoppedByAsync()).ShouldBe(stopped ? "30034" : null);
    }

    [Fact]
    public async Task A_pause_that_the_provider_asks_for_ends_after_a_quarter_of_an_hour_whatever_it_says()
    {
        await AddAsync("ann", "bob");
        await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.Refuse(429, 20429, "2000000000"));
        await _sending.SendAsync();
        await _sending.HandOverAsync("bob", "bob");

        Db.Now += Duration.FromMinutes(14);
        (await _sending.SendAsync()).ShouldBe(0);
        Db.Now += Duration.FromMinutes(1);
        await _sending.SendAsync();

        AcceptedTexts.ShouldBe(["bob"]);
    }

    [Fact]
    public async Task A_wait_that_comes_with_a_refusal_of_one_message_holds_up_nobody_else()
    {
        await AddAsync("ann", "bob");
        await _sending.HandOverAsync("ann", "ann");
        Twilio.Next(new FakeAnswer.Refuse(400, 21611, "600"));
        await _sending.SendAsync();
        await _sending.HandOverAsync("bob", "bob");
        Db.Now += Duration.FromSeconds(1);
        await _sending.SendAsync();

        AcceptedTexts.ShouldBe(["bob"]);
    }

    [Fact]
    public async Task Credentials_that_are_wrong_twice_lose_nothing()
    {
        await AddAsync("ann", "bob");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.Refuse(401, 20003));
        await _sending.SendAsync();
        Db.Now += Duration.FromSeconds(20);
        await _sending.HandOverAsync("bob", "bob's");
        await _sending.SendAsync();
        Twilio.Accepted.Count.ShouldBe(1);
        Db.Now += Duration.FromSeconds(60);
        Twilio.Next(new FakeAnswer.Refuse(401, 20003));
        await _sending.SendAsync();

        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
    }

    [Fact]
    public async Task Where_nobody_has_got_through_a_message_is_not_to_blame_for_a_fault_that_shows_late()
    {
        await AddAsync("ann", "bob");
        var id = await _sending.HandOverAsync("ann");
        await _sending.SendAsync();
        for (var attempt = 1; attempt <= 6; attempt++)
        {
            Db.Now += Duration.FromMinutes(6);
            await _sending.SendAsync();
            await _sending.ReportAsync(Twilio.Accepted[^1].Sid, "undelivered", 30034, id, attempt);
            (await _sending.StatusOfAsync(id)).ShouldBe("pending", $"attempt {attempt}");
            for (var i = 0; i < 20; i++)
            {
                Db.Now += Duration.FromSeconds(20);
                if (await _sending.SendAsync() > 0)
                    break;
            }
        }
    }

    [Fact]
    public async Task A_fault_of_everyones_that_shows_later_lets_no_message_of_the_user_overtake()
    {
        await AddAsync("ann", "bob");
        var first = await _sending.HandOverAsync("ann", "1");
        await _sending.SendAsync();
        await _sending.ReportAsync(Twilio.Accepted[0].Sid, "undelivered", 30034, first, 1);
        Db.Now += Duration.FromMilliseconds(10);
        await _sending.HandOverAsync("ann", "2");
        for (var i = 0; i < 40; i++)
        {
            Db.Now += Duration.FromSeconds(16);
            await _sending.SendAsync();
        }

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["1", "1", "2"]);
    }

    [Fact]
    public async Task Those_asleep_do_not_use_up_the_rate_of_those_awake()
    {
        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { PerSecond = 1 } };
        string[] sleepers = [.. Enumerable.Range(0, 20).Select(i => $"s{i:00}")];
        await AddAsync([.. sleepers, "first", "second"]);
        await Db.ExecuteAsync("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id IN ('first', 'second')");
        Db.Now = Instant.FromUtc(2025, 10, 16, 3, 0);
        foreach (var s in sleepers)
            await _sending.HandOverAsync(s);
        Db.Now += Duration.FromMilliseconds(1);

        await _sending.HandOverAsync("first", "first");
        await _sending.SendAsync();
        AcceptedTexts.ShouldBe(["first"], "in the same second as all of those asleep were looked at");

        // Those asleep are looked at again, before everyone else.
        Db.Now += Duration.FromMinutes(5);
        await _sending.HandOverAsync("second", "second");
        await _sending.SendAsync();
        AcceptedTexts.ShouldBe(["first", "second"]);
    }

    [Fact]
    public async Task Requests_that_this_process_ends_because_it_stops_say_nothing_of_the_provider()
    {
        await AddAsync("ann", "bob", "cat");
        foreach (var user in (string[])["ann", "bob", "cat"])
            await _sending.HandOverAsync(user);
        Twilio.Script = _ => new FakeAnswer.Hang();
        using var stopping = new CancellationTokenSource();
        var sender = Db.NewSender(_sending.Provider);
        var claimed = await Db.NewLedger().ClaimToSendAsync(10, TestContext.Current.CancellationToken);
        claimed.Count.ShouldBe(3);
        var handled = Task.WhenAll(claimed.Select(sms => sender.HandleAsync(sms, stopping.Token)));
        await Twilio.WaitForAsync(t => t.SendRequests.Count == 3, TestContext.Current.CancellationToken);
        await stopping.CancelAsync();
        await handled;

        (await Db.SingleAsync<string?>("SELECT stopped_by FROM sms_gate")).ShouldBeNull();
    }

    [Fact]
    public async Task Requests_without_an_answer_are_not_in_a_row_where_others_are_refused_between_them()
    {
        string[] users = ["u1", "u2", "u3", "u4", "u5"];
        await AddAsync(users);
        Twilio.Next(new FakeAnswer.Drop(), new FakeAnswer.Refuse(400, 21211), new FakeAnswer.Drop(), new FakeAnswer.Refuse(400, 21211), new FakeAnswer.Drop());
        foreach (var user in users)
        {
            await _sending.HandOverAsync(user);
            await _sending.SendAsync();
            Db.Now += Duration.FromMilliseconds(10);
        }

        (await Db.SingleAsync<string?>("SELECT stopped_by FROM sms_gate")).ShouldBeNull();
    }

    [Fact]
    public async Task A_refusal_without_a_code_of_Twilios_is_somebody_elses_and_ends_no_message()
    {
        await AddAsync("ann", "bob");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.Refuse(400, null));
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
    }

    [Fact]
    public async Task A_days_limit_of_the_account_loses_nothing()
    {
        await AddAsync("ann", "bob");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Script = _ => new FakeAnswer.Refuse(429, 63038);
        for (var i = 0; i < 30; i++)
        {
            await _sending.SendAsync();
            Db.Now += Duration.FromMinutes(5);
        }

        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
    }

    [Theory]
    [InlineData(400)]
    [InlineData(403)]
    public async Task A_text_that_a_firewall_refuses_is_found_out_by_others_getting_through(int status)
    {
        await AddAsync("poison", "a");
        var id = await _sending.HandOverAsync("poison", "poison");
        Twilio.Script = request => request.Field("Body") == "poison" ? new FakeAnswer.Refuse(status, null) : new FakeAnswer.Accept();
        for (var step = 0; step < 180 && await _sending.StatusOfAsync(id) != "failed"; step++)
        {
            if (step % 6 == 0)
                await _sending.HandOverAsync("a", "a");
            await _sending.SendAsync();
            Db.Now += Duration.FromSeconds(10);
        }

        (await _sending.StatusOfAsync(id)).ShouldBe("failed");
        Twilio.SendRequests.Count(request => request.Field("Body") == "poison").ShouldBeLessThan(4);
    }

    [Theory]
    [InlineData("delivered")]
    [InlineData("sent")]
    public async Task One_filtered_text_does_not_slow_everyone_for_ever_whether_or_not_phones_tell_what_they_got(string receipt)
    {
        string[] users = [.. Enumerable.Range(0, 60).Select(i => $"u{i:00}")];
        await AddAsync([.. users, "poison"]);
        var ids = new Dictionary<string, Guid> { ["poison"] = await _sending.HandOverAsync("poison", "poison") };
        var reported = 0;
        for (var step = 0; step < 360; step++)
        {
            if (step % 6 == 0)
                ids[users[step / 6]] = await _sending.HandOverAsync(users[step / 6], users[step / 6]);
            await _sending.SendAsync();
            for (; reported < Twilio.Accepted.Count; reported++)
            {
                var sms = Twilio.Accepted[reported];
                var attempt = int.Parse(sms.StatusCallback!.Split("attempt=")[1], CultureInfo.InvariantCulture);
                if (sms.Body == "poison")
                    await _sending.ReportAsync(sms.Sid, "undelivered", 30007, ids[sms.Body], attempt);
                else
                    await _sending.ReportAsync(sms.Sid, receipt, null, ids[sms.Body], attempt);
            }

            Db.Now += Duration.FromSeconds(10);
        }

        (await _sending.StatusOfAsync(ids["poison"])).ShouldBe("undelivered");
        (await StoppedByAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_refusal_met_while_everybody_is_stopped_again_is_not_the_messages_own()
    {
        await AddAsync("ann", "bob", "cyd");
        var id = await _sending.HandOverAsync("ann", "ann");
        Twilio.Next(new FakeAnswer.Refuse(403, null));
        await _sending.SendAsync();
        await _sending.HandOverAsync("bob", "bob");
        Db.Now += Duration.FromSeconds(20);
        await _sending.SendAsync();
        AcceptedTexts.ShouldBe(["bob"]);

        Twilio.Script = _ => new FakeAnswer.Refuse(403, null);
        Db.Now += Duration.FromSeconds(60);
        await _sending.HandOverAsync("cyd", "cyd");
        for (var step = 0; step < 180; step++)
        {
            await _sending.SendAsync();
            Db.Now += Duration.FromSeconds(10);
        }

        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
        Twilio.SendRequests.Count(request => request.Field("Body") == "ann").ShouldBeGreaterThan(1);
    }

    [Fact]
    public async Task A_message_that_was_the_only_one_to_be_tried_has_not_got_through_by_itself()
    {
        await AddAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        await _sending.SendAsync();
        for (var attempt = 1; attempt <= 3; attempt++)
        {
            Db.Now += Duration.FromMinutes(6);
            await _sending.SendAsync();
            await _sending.ReportAsync(Twilio.Accepted[^1].Sid, "undelivered", 30007, id, attempt);
            (await _sending.StatusOfAsync(id)).ShouldBe("pending", $"report {attempt}");
            for (var step = 0; step < 60 && await _sending.SendAsync() == 0; step++)
                Db.Now += Duration.FromSeconds(20);
        }
    }

    private async Task AddAsync(params string[] users)
    {
        await Db.AddUsersAsync(users);
        await Db.ExecuteAsync(
            """
            UPDATE users SET phone_number = '+1555555' || (1000 + numbered.n)::text
            FROM (SELECT id, row_number() OVER (ORDER BY id) AS n FROM users) AS numbered
            WHERE numbered.id = users.id
            """);
    }
}
