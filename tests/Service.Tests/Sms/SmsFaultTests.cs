using Orchestrator.Core;
using Orchestrator.Fakes;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>What the provider refuses, and what becomes of it.</summary>
public sealed class SmsFaultTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    private FakeTwilio Twilio => _sending.Twilio;

    public async ValueTask InitializeAsync() => _sending = await Sending.CreateAsync(server);

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    private Task<string?> StoppedByAsync() => Db.SingleAsync<string?>("SELECT stopped_by FROM sms_gate");

    [Fact]
    public async Task A_number_that_cannot_get_SMS_fails_the_message_with_the_code_and_the_next_one_goes()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Next(new FakeAnswer.Refuse(400, 21614));

        await _sending.SendAsync();

        (await _sending.StatusOfAsync(id)).ShouldBe("failed");
        (await _sending.ErrorOfAsync(id)).ShouldBe("21614");
        (await _sending.TrailOfAsync(id)).ShouldBe(["sms_failed"]);
        (await Db.SingleAsync<string>("SELECT output_data->>'reason' FROM agent_actions_log WHERE action_type = 'sms_failed'")).ShouldEndWith(".");
        await _sending.HandOverAsync("ann", "next");
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Single().Body.ShouldBe("next");
    }

    [Fact]
    public async Task A_fault_that_may_pass_is_tried_again_after_growing_waits_and_given_up_in_the_end()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        Twilio.Script = _ => new FakeAnswer.Refuse(429, 20429);
        var tries = new List<Instant>();
        for (var i = 0; i < 10 && await _sending.StatusOfAsync(id) == "pending"; i++)
        {
            await _sending.SendAsync();
            tries.Add(Db.Now);
            if (await Db.NewLedger().UntilNextAsync(TestContext.Current.CancellationToken) is { } wait)
                Db.Now += wait;
        }

        Twilio.SendRequests.Count.ShouldBe(5);
        var waits = tries.Zip(tries.Skip(1), (a, b) => b - a).ToList();
        waits.ShouldBe(waits.Order());
        waits[0].ShouldBe(Duration.FromMinutes(1));
        (await _sending.StatusOfAsync(id)).ShouldBe("failed");
        (await _sending.ErrorOfAsync(id)).ShouldBe("20429");
    }

    [Fact]
    public async Task Somebody_who_has_told_the_provider_to_stop_is_opted_out_and_what_waits_is_cancelled()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        var queued = await Db.QueueAsync("ann", scheduledFor: Db.Now + Duration.FromHours(1));
        Twilio.Next(new FakeAnswer.Refuse(400, 21610));

        await _sending.SendAsync();

        (await _sending.StatusOfAsync(id)).ShouldBe("failed");
        (await Db.SingleAsync<bool>("SELECT opted_out FROM users")).ShouldBeTrue();
        (await Db.StatusOfAsync(queued)).ShouldBe("cancelled");
    }

    [Theory]
    [InlineData(401, 20003)]
    [InlineData(400, 30034)]
    [InlineData(400, 21606)]
    public async Task A_fault_of_the_account_stops_everything_loses_nothing_and_sending_goes_on_by_itself(int status, int code)
    {
        string[] users = [.. Enumerable.Range(0, 30).Select(i => $"user_{i}")];
        await Db.AddUsersAsync(users);
        foreach (var user in users)
            await _sending.HandOverAsync(user);
        Twilio.Script = _ => new FakeAnswer.Refuse(status, code);

        for (var minute = 0; minute < 60; minute++)
        {
            await _sending.SendAsync();
            Db.Now += Duration.FromMinutes(1);
        }

        (await StoppedByAsync()).ShouldBe($"{code}");
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE status = 'pending'")).ShouldBe(30);
        // Those under way when it began, and then one at a time, seldomer and seldomer.
        Twilio.SendRequests.Count.ShouldBeInRange(5, 40);

        Twilio.Script = _ => new FakeAnswer.Accept();
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Count.ShouldBe(30);
        (await StoppedByAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_message_that_alone_meets_such_a_fault_fails_by_it_and_holds_up_nobody_else()
    {
        await Db.AddUsersAsync("ann", "bob", "cyd");
        await Db.ExecuteAsync("UPDATE users SET phone_number = '+15555550111' WHERE id = 'ann'");
        var poison = await _sending.HandOverAsync("ann");
        Twilio.Script = request => request.Field("To") == "+15555550111" ? new FakeAnswer.Refuse(400, 30007) : new FakeAnswer.Accept();
        await _sending.SendAsync();
        await _sending.HandOverAsync("bob");
        await _sending.HandOverAsync("cyd");

        await _sending.SendUntilNothingWaitsAsync();

        Twilio.Accepted.Count.ShouldBe(2);
        (await _sending.StatusOfAsync(poison)).ShouldBe("failed");
        (await _sending.ErrorOfAsync(poison)).ShouldBe("30007");
        (await StoppedByAsync()).ShouldBeNull();
    }

    [Fact]
    public async Task A_provider_out_of_reach_costs_no_tries_and_one_request_at_a_time()
    {
        await Db.AddUsersAsync("ann", "bob");
        var id = await _sending.HandOverAsync("ann");
        await _sending.HandOverAsync("bob");
        var unreachable = new Unreachable();
        for (var minute = 0; minute < 120; minute++)
        {
            await _sending.SendAsync(unreachable);
            Db.Now += Duration.FromMinutes(1);
        }

        (await StoppedByAsync()).ShouldBe("provider_unreachable");
        (await Db.SingleAsync<int>("SELECT max(sms_attempts) FROM messages")).ShouldBe(0);
        (await _sending.StatusOfAsync(id)).ShouldBe("pending");
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_user_without_a_number_fails_and_a_user_who_is_gone_too()
    {
        await Db.AddUsersAsync("ann");
        await Db.ExecuteAsync("UPDATE users SET phone_number = ''");
        var ann = await _sending.HandOverAsync("ann");
        await Db.AddUsersAsync("bob");
        var bob = await _sending.HandOverAsync("bob");
        await Db.ExecuteAsync("DELETE FROM users WHERE id = 'bob'");

        await _sending.SendUntilNothingWaitsAsync();

        (await _sending.ErrorOfAsync(ann)).ShouldBe("no_phone_number");
        (await _sending.ErrorOfAsync(bob)).ShouldBe("user_not_found");
        Twilio.SendRequests.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_cancelled_at_the_last_moment_is_not_sent_and_the_users_next_one_is()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        var meanwhile = new Meanwhile(_sending.Provider, () =>
            Db.ExecuteAsync("UPDATE messages SET status = 'cancelled' WHERE id = @id AND status = 'pending'", new { id }));

        await _sending.SendAsync(meanwhile);

        Twilio.Requests.ShouldBeEmpty();
        (await _sending.StatusOfAsync(id)).ShouldBe("cancelled");
        await _sending.HandOverAsync("ann", "next");
        await _sending.SendUntilNothingWaitsAsync();
        Twilio.Accepted.Single().Body.ShouldBe("next");
    }

    [Fact]
    public async Task A_STOP_at_the_last_moment_stops_the_message()
    {
        await Db.AddUsersAsync("ann");
        var id = await _sending.HandOverAsync("ann");
        var meanwhile = new Meanwhile(_sending.Provider, () => Db.NewInboundMessages().ReceiveAsync(
            new InboundMessage("SM1", Sending.UsersNumber, "Stop!", 0, null), TestContext.Current.CancellationToken));

        await _sending.SendAsync(meanwhile);

        Twilio.Requests.ShouldBeEmpty();
        (await _sending.StatusOfAsync(id)).ShouldBe("cancelled");
        (await Db.StatusOfAsync(id)).ShouldBe("cancelled");
    }

    [Fact]
    public async Task A_sender_that_slept_through_its_lease_sends_nothing()
    {
        await Db.AddUsersAsync("ann");
        await _sending.HandOverAsync("ann");
        var sleeper = new Meanwhile(_sending.Provider, async () =>
        {
            // The others find the lease ended, take the turn over, and send.
            Db.Now += Duration.FromMinutes(5);
            await _sending.SendAsync();
        });

        await _sending.SendAsync(sleeper);

        Twilio.Accepted.Count.ShouldBe(1);
        (await Db.SingleAsync<(string, int)>("SELECT status, sms_attempts FROM messages")).ShouldBe(("sent", 1));
    }

    [Fact]
    public async Task Of_cancellations_and_sendings_at_the_same_moment_each_message_meets_one()
    {
        string[] users = [.. Enumerable.Range(0, 40).Select(i => $"user_{i}")];
        await Db.AddUsersAsync(users);
        var ids = new List<Guid>();
        foreach (var user in users)
            ids.Add(await _sending.HandOverAsync(user, user));

        await Task.WhenAll(
            _sending.SendAsync(), _sending.SendAsync(),
            Task.WhenAll(ids.Select(id => Db.ExecuteAsync("UPDATE messages SET status = 'cancelled' WHERE id = @id AND status = 'pending'", new { id }))));
        await _sending.SendUntilNothingWaitsAsync();

        var sent = await Db.QueryAsync<string>("SELECT user_id FROM messages WHERE status = 'sent'");
        Twilio.Accepted.Select(s => s.Body).Order().ShouldBe(sent.Order());
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE status NOT IN ('sent', 'cancelled')")).ShouldBe(0);
    }

    /// <summary>A way to the provider on which something happens before the last look.</summary>
    private sealed class Meanwhile(ISmsProvider provider, Func<Task> happens) : ISmsProvider
    {
        public SmsAccount Account => provider.Account;

        public async Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken)
        {
            await happens();
            return await provider.SendAsync(sms, lastLook, cancellationToken);
        }

        public Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken) =>
            provider.ListAsync(sender, recipient, since, cancellationToken);
    }

    private sealed class Unreachable : ISmsProvider
    {
        public SmsAccount Account { get; } = new("AC", Sending.ServiceNumber);

        public Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken) =>
            Task.FromResult<SmsReply>(new SmsReply.Unreached("connection refused"));

        public Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken) =>
            throw new SmsProviderException(new SmsFault(SmsFaultKind.Later, "unreachable", "Out of reach."));
    }
}
