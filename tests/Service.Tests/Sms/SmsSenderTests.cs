using Orchestrator.Fakes;

namespace Orchestrator.Service.Tests.Sms;

public sealed class SmsSenderTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    private FakeTwilio Twilio => _sending.Twilio;

    public async ValueTask InitializeAsync() => _sending = await Sending.CreateAsync(server);

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    [Fact]
    public async Task A_message_that_was_handed_over_is_sent_once_and_what_the_provider_said_is_recorded()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann", "Hi Ann");

        await _sending.SendAsync();
        await _sending.SendAsync();

        var sms = Twilio.Accepted.ShouldHaveSingleItem();
        (sms.To, sms.From, sms.Body).ShouldBe((Sending.UsersNumber, Sending.ServiceNumber, "Hi Ann"));
        sms.StatusCallback.ShouldBe($"https://orchestrator.example/twilio/status?message={id}&attempt=1");
        (await Db.SingleAsync<(string, string, Instant, int)>("SELECT status, twilio_message_sid, sent_at, sms_attempts FROM messages"))
            .ShouldBe(("sent", sms.Sid, Db.Now, 1));
        (await _sending.TrailOfAsync(id)).ShouldBe(["sms_sent"]);
    }

    [Fact]
    public async Task The_number_of_the_conversation_goes_before_that_of_the_user()
    {
        await Db.AddUsersAsync("ann");
        await Db.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number) VALUES ('c_ann', 'ann', '+15555550177')");
        await _sending.HandOverAsync("ann");

        await _sending.SendAsync();

        Twilio.Accepted.Single().To.ShouldBe("+15555550177");
    }

    public static TheoryData<string, FakeAnswer> AnswersThatTellNothing => new()
    {
        { "accepted, connection dropped", new FakeAnswer.AcceptThenDrop() },
        { "accepted, answered after the time-out", new FakeAnswer.AcceptThenAnswerAfter(new TaskCompletionSource().Task) },
        { "accepted, 500", new FakeAnswer.AcceptThenFail() },
        { "accepted, 503", new FakeAnswer.AcceptThenFail(503) },
        { "accepted, nonsense", new FakeAnswer.AcceptThenGarble() },
        { "not accepted, connection dropped", new FakeAnswer.Drop() },
        { "not accepted, no answer", new FakeAnswer.Hang() },
        { "not accepted, 500", new FakeAnswer.Fail() },
        { "not accepted, nonsense", new FakeAnswer.Garble() },
    };

    [Theory]
    [MemberData(nameof(AnswersThatTellNothing), DisableDiscoveryEnumeration = true)]
    public async Task A_request_whose_answer_tells_nothing_brings_one_SMS_in_the_end(string what, FakeAnswer answer)
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(answer);

        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("sending", what);
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(1, what);
        (await Db.SingleAsync<(string, string)>("SELECT status, twilio_message_sid FROM messages")).ShouldBe(("sent", Twilio.Accepted[0].Sid), what);
    }

    [Fact]
    public async Task While_the_provider_cannot_be_asked_what_it_took_nothing_is_sent_again()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.AcceptThenDrop());
        Twilio.ListAnswer = new FakeAnswer.Fail();
        await _sending.SendAsync();
        for (var hour = 0; hour < 5; hour++)
        {
            Db.Now += Duration.FromHours(1);
            await _sending.SendAsync();
        }

        (await _sending.StatusOfAsync(id)).ShouldBe("sending");
        Twilio.SendRequests.Count.ShouldBe(1);

        Twilio.ListAnswer = null;
        Db.Now += Duration.FromHours(1);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("sent");
        Twilio.SendRequests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task What_cannot_be_found_out_for_a_day_is_given_up_and_never_sent_again()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.AcceptThenDrop());
        Twilio.ListAnswer = new FakeAnswer.Fail();
        await _sending.SendAsync();
        Db.Now += Duration.FromHours(25);

        await _sending.SendUntilNothingWaitsAsync();

        (await _sending.StatusOfAsync(id)).ShouldBe("failed");
        (await _sending.ErrorOfAsync(id)).ShouldBe("outcome_unknown");
        Twilio.SendRequests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_earlier_SMS_with_the_same_words_is_not_taken_for_the_one_that_was_lost()
    {
        await Db.AddUsersAsync("ann");
        await _sending.HandOverAsync("ann", "Same words");
        await _sending.SendAsync();
        Db.Now += Duration.FromSeconds(31);
        var second = await _sending.HandOverAsync("ann", "Same words");
        Twilio.Next(new FakeAnswer.Fail());
        await _sending.SendAsync();

        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(2);
        (await Db.SingleAsync<string>("SELECT twilio_message_sid FROM messages WHERE id = @second", new { second })).ShouldBe(Twilio.Accepted[1].Sid);
    }

    [Fact]
    public async Task A_report_that_comes_before_the_answer_settles_the_message()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.AcceptThenDrop());
        await _sending.SendAsync();
        var sid = Twilio.Accepted.Single().Sid;

        await _sending.ReportAsync(sid, "queued", messageId: id, attempt: 1);

        (await Db.SingleAsync<(string, string)>("SELECT status, twilio_message_sid FROM messages")).ShouldBe(("sent", sid));
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Requests.Count.ShouldBe(1, "nothing had to be asked");
    }

    [Fact]
    public async Task A_request_that_counted_as_lost_and_is_reported_after_all_is_not_made_again()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.Fail());
        await _sending.SendAsync();
        Db.Now += Duration.FromMinutes(2);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("pending", "the provider shows nothing");

        await _sending.ReportAsync("SMlate", "delivered", messageId: id, attempt: 1);

        await _sending.SendUntilNothingWaitsAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("delivered");
        Twilio.SendRequests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Many_senders_send_each_message_once_and_never_two_at_once_to_one_user()
    {
        string[] users = [.. Enumerable.Range(0, 20).Select(i => $"user_{i}")];
        await Db.AddUsersAsync(users);
        await Db.ExecuteAsync("UPDATE users SET phone_number = '+1555555' || lpad(substr(id, 6), 4, '0')");
        foreach (var user in users)
        {
            for (var i = 0; i < 5; i++)
            {
                await _sending.HandOverAsync(user, $"{user} {i}");
                Db.Now += Duration.FromMilliseconds(1);
            }
        }

        for (var round = 0; round < 5; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => _sending.SendAsync()));
            Twilio.Accepted.Count.ShouldBe(users.Length * (round + 1), "one each, the others are within the cooldown");
            Db.Now += Duration.FromSeconds(30);
        }

        Twilio.Accepted.Select(s => s.Body).Distinct().Count().ShouldBe(100);
        foreach (var ofUser in Twilio.Accepted.GroupBy(s => s.To))
        {
            ofUser.Select(s => s.Body).ShouldBe(ofUser.Select(s => s.Body).Order(), "in the order in which they were handed over");
            Twilio.MostAtOnce(ofUser.Key).ShouldBe(1);
        }
    }

    [Fact]
    public async Task All_instances_together_keep_to_the_rate()
    {
        Db.Settings = Db.Settings with { Sms = Db.Settings.Sms with { PerSecond = 20 } };
        string[] users = [.. Enumerable.Range(0, 100).Select(i => $"user_{i}")];
        await Db.AddUsersAsync(users);
        foreach (var user in users)
            await _sending.HandOverAsync(user);

        var sentAfter = new List<int>();
        for (var tick = 0; tick < 40; tick++)
        {
            await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => _sending.SendAsync()));
            sentAfter.Add(Twilio.Accepted.Count);
            Db.Now += Duration.FromMilliseconds(50);
        }

        // In any second 20, and the 100 milliseconds' worth that may have been saved up.
        for (var tick = 20; tick < 40; tick++)
            (sentAfter[tick] - sentAfter[tick - 20]).ShouldBeInRange(19, 22);
    }

    [Fact]
    public async Task A_message_that_waits_for_another_try_is_not_overtaken_by_the_users_next()
    {
        await Db.AddUsersAsync("ann", "bob");
        await _sending.HandOverAsync("ann", "1");
        Twilio.Next(new FakeAnswer.Refuse(429, 20429, "90"));
        await _sending.SendAsync();
        Db.Now += Duration.FromSeconds(40);
        await _sending.HandOverAsync("ann", "2");
        await _sending.HandOverAsync("bob", "3");

        (await _sending.SendAsync()).ShouldBe(0, "the provider wants 90 seconds without a request");
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Where(s => s.Body != "3").Select(s => s.Body).ShouldBe(["1", "2"]);
        Twilio.Accepted.Select(s => s.Body).ShouldContain("3");
        Twilio.Accepted.ShouldAllBe(s => s.AcceptedAt >= Instant.FromUtc(2025, 10, 15, 16, 1, 30));
    }

    [Fact]
    public async Task Between_two_SMS_to_one_person_lie_thirty_seconds_also_after_an_outage()
    {
        await Db.AddUsersAsync("ann");
        for (var i = 0; i < 4; i++)
        {
            await _sending.HandOverAsync("ann", $"{i}");
            Db.Now += Duration.FromSeconds(30);
        }

        Db.Now += Duration.FromMinutes(10);
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Select(s => s.Body).ShouldBe(["0", "1", "2", "3"]);
        Twilio.Accepted.Zip(Twilio.Accepted.Skip(1), (a, b) => b.AcceptedAt - a.AcceptedAt).ShouldAllBe(gap => gap >= Duration.FromSeconds(30));
    }

    [Fact]
    public async Task A_message_kept_into_the_night_by_an_outage_waits_for_the_morning_and_one_that_has_expired_is_not_sent()
    {
        await Db.AddUsersAsync("ann", "bob", "cyd");
        var kept = await _sending.HandOverAsync("ann");
        var expired = await _sending.HandOverAsync("bob", expiresAt: Db.Now + Duration.FromHours(2));
        var active = await _sending.HandOverAsync("cyd");
        Db.Now = Instant.FromUtc(2025, 10, 16, 3, 0); // 23:00 in New York
        await Db.ExecuteAsync(
            "INSERT INTO messages (conversation_id, user_id, role, content, direction, created_at) VALUES ('c', 'cyd', 'user', 'hey', 'inbound', @at)",
            new { at = Db.Now });

        await _sending.SendAsync();

        (await _sending.StatusOfAsync(active)).ShouldBe("sent");
        (await _sending.StatusOfAsync(kept)).ShouldBe("pending");
        (await _sending.ErrorOfAsync(kept)).ShouldBe("quiet_hours");
        (await _sending.StatusOfAsync(expired)).ShouldBe("expired");
        Db.Now = Instant.FromUtc(2025, 10, 16, 12, 0);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(kept)).ShouldBe("sent");
        Twilio.Accepted.Count.ShouldBe(2);
    }

    [Fact]
    public async Task The_provider_is_told_until_when_a_message_makes_sense()
    {
        await Db.AddUsersAsync("ann");
        await _sending.HandOverAsync("ann", expiresAt: Db.Now + Duration.FromMinutes(5));

        await _sending.SendAsync();

        Twilio.Accepted.Single().ValidityPeriod.ShouldBe("300");
    }

    [Fact]
    public async Task A_number_is_dialled_without_what_people_write_between_its_digits()
    {
        await Db.AddUsersAsync("ann");
        await Db.ExecuteAsync("UPDATE users SET phone_number = '+1 (555) 555-0100'");
        await _sending.HandOverAsync("ann");
        await _sending.SendAsync();

        Twilio.Accepted.ShouldHaveSingleItem().To.ShouldBe(Sending.UsersNumber);
    }

    [Fact]
    public async Task This_service_sends_what_is_handed_over_from_the_first_time_on_that_it_is_told_to_send()
    {
        await Db.ExecuteAsync("UPDATE sms_gate SET sends_from = 'infinity'");
        await Db.AddUsersAsync("ann", "bob");
        await _sending.HandOverAsync("ann", "while another program sent");
        Db.Now += Duration.FromDays(7);
        await Db.NewLedger().BeginSendingAsync(TestContext.Current.CancellationToken);
        await _sending.HandOverAsync("bob", "since then");
        Db.Now += Duration.FromDays(1);
        await Db.NewLedger().BeginSendingAsync(TestContext.Current.CancellationToken);
        await _sending.SendAsync();

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["since then"], "a restart changes nothing");
    }

    [Fact]
    public async Task Rows_that_were_pending_before_this_service_sent_are_left_alone()
    {
        await Db.AddUsersAsync("ann");
        var old = await _sending.HandOverAsync("ann");
        await Db.ExecuteAsync("UPDATE sms_gate SET sends_from = @at", new { at = Db.Now + Duration.FromSeconds(1) });

        await _sending.SendAsync();

        (await _sending.StatusOfAsync(old)).ShouldBe("pending");
        (await Db.NewLedger().UntilNextAsync(TestContext.Current.CancellationToken)).ShouldBeNull();
    }

    [Fact]
    public async Task A_row_that_another_program_has_written_is_sent_as_well()
    {
        await Db.AddUsersAsync("ann");
        await Db.ExecuteAsync(
            "INSERT INTO messages (conversation_id, user_id, role, content, direction, status, created_at) VALUES ('c', 'ann', 'bouncer', 'By hand', 'outbound', 'pending', @now)",
            new { now = Db.Now });

        await _sending.SendAsync();

        Twilio.Accepted.Single().Body.ShouldBe("By hand");
    }
}
