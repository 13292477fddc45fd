using Orchestrator.Fakes;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>A request whose answer was lost is found again, whatever has changed since; and nothing else is taken for it.</summary>
public sealed class LostRequestTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    private FakeTwilio Twilio => _sending.Twilio;

    public async ValueTask InitializeAsync()
    {
        _sending = await Sending.CreateAsync(server);
        await Db.AddUsersAsync("ann");
    }

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    private async Task<Guid> LoseAsync(FakeAnswer answer)
    {
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(answer);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("sending");
        return id;
    }

    [Fact]
    public async Task It_is_found_though_the_user_has_another_number_by_now()
    {
        await LoseAsync(new FakeAnswer.AcceptThenDrop());
        await Db.ExecuteAsync("UPDATE users SET phone_number = '+15555550123'");
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task It_is_found_though_the_service_sends_from_another_number_by_now()
    {
        await LoseAsync(new FakeAnswer.AcceptThenDrop());
        _sending.Use(options => options with { PhoneNumber = "+15555550198" });
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task On_another_account_it_cannot_be_asked_about_and_is_given_up_after_a_day()
    {
        var id = await LoseAsync(new FakeAnswer.AcceptThenDrop());
        await Db.ExecuteAsync("UPDATE sms_requests SET account = 'AC11111111111111111111111111111111'");
        Db.Now += Duration.FromHours(23);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("sending");
        await _sending.SendUntilNothingWaitsAsync();

        (await _sending.StatusOfAsync(id), await _sending.ErrorOfAsync(id)).ShouldBe(("failed", "outcome_unknown"));
        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task It_is_found_though_the_providers_clock_is_ten_minutes_slow()
    {
        Twilio.Clock = new Slow(Twilio.Clock, Duration.FromMinutes(10));
        await LoseAsync(new FakeAnswer.AcceptThenDrop());
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData(65, "while it may still show")]
    [InlineData(110, "when it counted as not taken already")]
    public async Task It_is_found_though_the_provider_shows_it_late(int seconds, string when)
    {
        Twilio.ListsAfter = Duration.FromSeconds(seconds);
        await LoseAsync(new FakeAnswer.AcceptThenDrop());
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(1, when);
    }

    [Fact]
    public async Task Before_the_time_for_that_is_over_nothing_is_sent_again()
    {
        await LoseAsync(new FakeAnswer.Drop());
        for (var second = 0; second < 60; second++)
        {
            await _sending.SendAsync();
            Db.Now += Duration.FromSeconds(1);
        }

        Twilio.SendRequests.Count.ShouldBe(1);
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task While_the_provider_cannot_be_asked_one_last_time_nothing_is_sent_again()
    {
        await LoseAsync(new FakeAnswer.Drop());
        Db.Now += Duration.FromSeconds(75);
        await _sending.SendAsync();
        Twilio.ListAnswer = new FakeAnswer.Fail();
        for (var minute = 0; minute < 30; minute++)
        {
            Db.Now += Duration.FromMinutes(1);
            await _sending.SendAsync();
        }

        Twilio.SendRequests.Count.ShouldBe(1);
        Twilio.ListAnswer = null;
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_earlier_request_for_the_same_message_that_failed_on_its_way_is_not_taken_for_it()
    {
        var id = await _sending.HandOverAsync("ann");
        await _sending.SendAsync();
        Db.Now += Duration.FromSeconds(1);
        await _sending.ReportAsync(Twilio.Accepted[0].Sid, "undelivered", 30034, id, 1);
        Db.Now += Duration.FromSeconds(46);
        Twilio.Next(new FakeAnswer.Fail());
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("sending");
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(2, "the second request was never taken");
    }

    [Fact]
    public async Task Another_text_to_the_same_number_is_not_taken_for_it()
    {
        Twilio.Hold(Sending.ServiceNumber, Sending.UsersNumber, "Something else", Db.Now);
        await LoseAsync(new FakeAnswer.Drop());
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["Something else", "Hello"]);
    }

    [Fact]
    public async Task The_same_text_of_an_hour_ago_by_another_program_is_not_taken_for_it()
    {
        Twilio.Hold(Sending.ServiceNumber, Sending.UsersNumber, "Hello", Db.Now - Duration.FromHours(1));
        await LoseAsync(new FakeAnswer.Drop());
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Where_the_provider_shows_that_it_failed_on_its_way_it_is_tried_again()
    {
        var id = await LoseAsync(new FakeAnswer.AcceptThenDrop());
        Twilio.Advance(Twilio.Accepted[0], "undelivered", 30003);
        Db.Now += Duration.FromSeconds(20);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id), await _sending.ErrorOfAsync(id)).ShouldBe(("pending", "30003"));
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("DELETE FROM messages")]
    [InlineData("UPDATE messages SET status = 'cancelled'")]
    public async Task Where_its_row_was_deleted_or_changed_by_hand_the_users_next_message_goes(string change)
    {
        await LoseAsync(new FakeAnswer.AcceptThenDrop());
        await Db.ExecuteAsync(change);
        Db.Now += Duration.FromHours(1);
        await _sending.HandOverAsync("ann", "next");
        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["Hello", "next"]);
    }

    [Fact]
    public async Task A_report_of_failure_that_comes_before_the_answer_is_recorded_stays()
    {
        var id = await _sending.HandOverAsync("ann");
        await _sending.SendAsync(new Afterwards(_sending.Provider, () => _sending.ReportAsync(Twilio.Accepted.Single().Sid, "undelivered", 30003, id, 1)));

        (await _sending.StatusOfAsync(id), await _sending.ErrorOfAsync(id)).ShouldBe(("pending", "30003"));
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Count.ShouldBe(2);
    }

    [Theory]
    [InlineData("22:00", "08:00")]
    [InlineData("00:00", "00:00")]
    public async Task One_that_counted_as_not_taken_and_cannot_be_asked_about_is_given_up_after_a_day_with_a_night_in_it_or_without(string from, string until)
    {
        await Db.ExecuteAsync("UPDATE users SET quiet_hours_start = @from::text::time, quiet_hours_end = @until::text::time", new { from, until });
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.Drop());
        await _sending.SendAsync();
        Db.Now += Duration.FromSeconds(75);
        await _sending.SendAsync();
        (await _sending.ErrorOfAsync(id)).ShouldBe("not_taken");
        await Db.ExecuteAsync("UPDATE sms_requests SET account = 'AC11111111111111111111111111111111'");
        await _sending.HandOverAsync("ann", "next");
        for (var i = 0; i < 300; i++)
        {
            Db.Now += Duration.FromMinutes(15);
            await _sending.SendAsync();
        }

        Twilio.Accepted.Select(sms => sms.Body).ShouldBe(["next"]);
    }

    [Fact]
    public async Task It_is_found_though_quiet_hours_came_between_its_loss_and_the_next_try()
    {
        Db.Now = Instant.FromUtc(2025, 10, 16, 1, 58); // 21:58 in New York
        Twilio.ListsAfter = Duration.FromHours(1);
        await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.AcceptThenDrop());
        for (var i = 0; i < 160; i++)
        {
            await _sending.SendAsync();
            Db.Now += i < 20 ? Duration.FromSeconds(10) : Duration.FromMinutes(5);
        }

        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task It_is_found_though_the_provider_was_out_of_reach_at_the_next_try()
    {
        Twilio.ListsAfter = Duration.FromMinutes(3);
        await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.AcceptThenDrop());
        await _sending.SendAsync();
        for (var i = 0; i < 10; i++)
        {
            Db.Now += Duration.FromSeconds(10);
            await _sending.SendAsync();
        }

        Db.Now += Duration.FromSeconds(40);
        await _sending.SendAsync(new OutOfReach(_sending.Provider));
        Db.Now += Duration.FromMinutes(10);
        await _sending.SendAsync();

        Twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task To_a_number_that_was_written_down_without_its_plus_it_cannot_be_asked_about_and_is_never_repeated()
    {
        await Db.ExecuteAsync("UPDATE users SET phone_number = '15555550100'");
        var id = await LoseAsync(new FakeAnswer.AcceptThenDrop());
        Db.Now += Duration.FromHours(23);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("sending");
        Db.Now += Duration.FromHours(2);
        await _sending.SendAsync();

        Twilio.Accepted.ShouldHaveSingleItem().To.ShouldBe("15555550100", "nobody guesses a country");
        (await _sending.ErrorOfAsync(id)).ShouldBe("outcome_unknown");
    }

    [Fact]
    public async Task A_stop_of_days_does_not_count_towards_the_day_for_which_it_is_asked_about()
    {
        await Db.ExecuteAsync("UPDATE users SET quiet_hours_start = '00:00', quiet_hours_end = '00:00'");
        var id = await LoseAsync(new FakeAnswer.Drop());
        Db.Now += Duration.FromSeconds(75);
        await _sending.SendAsync();
        (await _sending.ErrorOfAsync(id)).ShouldBe("not_taken");
        await Db.ExecuteAsync("UPDATE sms_gate SET stopped_at = @now, stopped_until = @now + interval '2 days', stopped_by = '20003'", new { Db.Now });
        Db.Now += Duration.FromDays(2);
        Twilio.ListAnswer = new FakeAnswer.Fail(503);
        await _sending.SendAsync();
        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
        Twilio.ListAnswer = null;
        await _sending.SendUntilNothingWaitsAsync();

        (await _sending.StatusOfAsync(id)).ShouldBe("sent");
    }

    [Fact]
    public async Task One_that_can_never_be_asked_about_again_keeps_its_user_waiting_three_days_at_most_whatever_else_stops()
    {
        await Db.ExecuteAsync("UPDATE users SET quiet_hours_start = '00:00', quiet_hours_end = '00:00'");
        var id = await LoseAsync(new FakeAnswer.Drop());
        Db.Now += Duration.FromSeconds(75);
        await _sending.SendAsync();
        await Db.ExecuteAsync("UPDATE sms_requests SET account = 'AC11111111111111111111111111111111'");
        for (var hour = 0; hour < 80; hour++)
        {
            Db.Now += Duration.FromHours(1);
            await Db.ExecuteAsync("UPDATE sms_gate SET resumed_at = @now", new { now = Db.Now });
            await _sending.SendAsync();
        }

        (await _sending.StatusOfAsync(id), await _sending.ErrorOfAsync(id)).ShouldBe(("failed", "outcome_unknown"));
    }

    private sealed class Slow(IClock clock, Duration by) : IClock
    {
        public Instant GetCurrentInstant() => clock.GetCurrentInstant() - by;
    }

    /// <summary>A way to the provider on which something happens before the answer is there.</summary>
    private sealed class Afterwards(ISmsProvider provider, Func<Task> happens) : ISmsProvider
    {
        public SmsAccount Account => provider.Account;

        public async Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken)
        {
            var reply = await provider.SendAsync(sms, lastLook, cancellationToken);
            await happens();
            return reply;
        }

        public Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken) =>
            provider.ListAsync(sender, recipient, since, cancellationToken);
    }

    /// <summary>A provider that can be asked and not reached.</summary>
    private sealed class OutOfReach(ISmsProvider provider) : ISmsProvider
    {
        public SmsAccount Account => provider.Account;

        public Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken) =>
            Task.FromResult<SmsReply>(new SmsReply.Unreached("refused"));

        public Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken) =>
            provider.ListAsync(sender, recipient, since, cancellationToken);
    }
}
