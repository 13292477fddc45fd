using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Tests.Sms;

public sealed class InboundTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;
    private int _sids;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private Task ReceiveAsync(string body, string from = Sending.UsersNumber, string? sid = null, int media = 0, string? optOutType = null) =>
        _db.NewInboundMessages().ReceiveAsync(
            new InboundMessage(sid ?? $"SM{++_sids}", from, body, media, optOutType), TestContext.Current.CancellationToken);

    private Task<bool> IsOptedOutAsync(string userId) => _db.SingleAsync<bool>("SELECT opted_out FROM users WHERE id = @userId", new { userId });

    [Fact]
    public async Task What_a_user_writes_is_stored_in_the_active_conversation_and_makes_the_user_active()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number) VALUES ('c1', 'ann', '+15555550100')");
        _db.Now = Instant.FromUtc(2025, 10, 15, 7, 0); // 03:00 in New York

        await ReceiveAsync("Hello?");

        (await _db.SingleAsync<(string, string, string, string, string, string, Instant)>(
            "SELECT conversation_id, user_id, role, content, direction, status, created_at FROM messages"))
            .ShouldBe(("c1", "ann", "user", "Hello?", "inbound", "received", _db.Now));
        (await _db.SingleAsync<Instant>("SELECT last_message_at FROM conversations")).ShouldBe(_db.Now);
        await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Delivered.ShouldBe(1, "an active user is answered at night");
    }

    [Fact]
    public async Task A_user_without_an_active_conversation_gets_one()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number, status) VALUES ('c1', 'ann', '+15555550100', 'completed')");

        await ReceiveAsync("Hello?");
        await ReceiveAsync("Anybody there?");

        (await _db.QueryAsync<string>("SELECT DISTINCT conversation_id FROM messages")).ShouldHaveSingleItem().ShouldNotBe("c1");
        (await _db.SingleAsync<string>("SELECT phone_number FROM conversations WHERE id <> 'c1'")).ShouldBe(Sending.UsersNumber);
    }

    [Fact]
    public async Task A_webhook_that_comes_many_times_at_once_changes_things_once()
    {
        await _db.AddUsersAsync("ann");

        await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => ReceiveAsync("Hello?", sid: "SMsame")));

        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(1);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM conversations")).ShouldBe(1);
    }

    [Fact]
    public async Task A_STOP_that_is_told_again_after_a_START_does_not_opt_the_user_out_again()
    {
        await _db.AddUsersAsync("ann");
        await ReceiveAsync("STOP", sid: "SMstop");
        await ReceiveAsync("START", sid: "SMstart");

        await ReceiveAsync("STOP", sid: "SMstop");

        (await IsOptedOutAsync("ann")).ShouldBeFalse();
    }

    [Fact]
    public async Task An_unknown_number_is_stored_nowhere()
    {
        await _db.AddUsersAsync("ann");

        await ReceiveAsync("Hello?", from: "+15555550999");

        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(0);
    }

    [Theory]
    [InlineData("STOP")]
    [InlineData(" stop ")]
    [InlineData("Stop.")]
    [InlineData("stop all")]
    [InlineData("UNSUBSCRIBE!")]
    [InlineData("Cancel")]
    [InlineData("end")]
    [InlineData("Quit")]
    [InlineData("revoke")]
    [InlineData("Opt-Out")]
    public async Task A_word_for_stop_opts_out_and_cancels_everything_that_waits(string word)
    {
        await _db.AddUsersAsync("ann", "bob");
        await _db.ExecuteAsync("UPDATE users SET phone_number = '+15555550101' WHERE id = 'bob'");
        var queued = await _db.QueueAsync("ann", scheduledFor: _db.Now + Duration.FromHours(1));
        var others = await _db.QueueAsync("bob", scheduledFor: _db.Now + Duration.FromHours(1));
        var handedOver = await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);

        await ReceiveAsync(word);

        (await IsOptedOutAsync("ann")).ShouldBeTrue();
        (await IsOptedOutAsync("bob")).ShouldBeFalse();
        (await _db.StatusOfAsync(queued)).ShouldBe("cancelled");
        (await _db.StatusOfAsync(handedOver)).ShouldBe("cancelled");
        (await _db.StatusOfAsync(others)).ShouldBe("queued");
        (await _db.SingleAsync<string>("SELECT status FROM messages WHERE id = @handedOver", new { handedOver })).ShouldBe("cancelled");
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM agent_actions_log WHERE action_type = 'message_cancelled'")).ShouldBe(2);
        (await _db.SingleAsync<string>("SELECT content FROM messages WHERE direction = 'inbound'")).ShouldBe(word);
    }

    [Theory]
    [InlineData("Please don't stop")]
    [InlineData("The end of the week suits me")]
    [InlineData("stopped")]
    [InlineData("")]
    public async Task A_sentence_with_such_a_word_in_it_does_not(string sentence)
    {
        await _db.AddUsersAsync("ann");

        await ReceiveAsync(sentence);

        (await IsOptedOutAsync("ann")).ShouldBeFalse();
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE content <> ''")).ShouldBe(1);
    }

    [Theory]
    [InlineData("START", null)]
    [InlineData("unstop", null)]
    [InlineData("Yes!", null)]
    [InlineData("Hola", "START")]
    public async Task A_word_for_start_opts_in_again(string word, string? optOutType)
    {
        await _db.AddUsersAsync("ann");
        await ReceiveAsync("Alto", optOutType: "STOP");
        (await IsOptedOutAsync("ann")).ShouldBeTrue("the provider has read it so");

        await ReceiveAsync(word, optOutType: optOutType);

        (await IsOptedOutAsync("ann")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_STOP_while_a_dispatch_is_handing_over_leaves_nothing_that_waits()
    {
        string[] users = [.. Enumerable.Range(0, 30).Select(i => $"user_{i}")];
        await _db.AddUsersAsync(users);
        await _db.ExecuteAsync("UPDATE users SET phone_number = '+1555555' || lpad(substr(id, 6), 4, '0')");
        foreach (var user in users)
        {
            await _db.QueueAsync(user);
            await _db.QueueAsync(user);
        }

        await Task.WhenAll([
            .. Enumerable.Range(0, 3).Select(_ => (Task)_db.DispatchAsync()),
            .. Enumerable.Range(0, 30).Select(i => ReceiveAsync("STOP", from: $"+1555555{i:0000}", sid: $"SMstop{i}")),
        ]);

        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE status = 'queued'")).ShouldBe(0);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE status = 'pending'")).ShouldBe(0);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE direction = 'inbound'")).ShouldBe(30);
    }

    [Fact]
    public async Task A_number_that_several_users_share_is_opted_out_as_a_whole()
    {
        await _db.AddUsersAsync("ann", "bob");

        await ReceiveAsync("STOP");

        (await IsOptedOutAsync("ann")).ShouldBeTrue();
        (await IsOptedOutAsync("bob")).ShouldBeTrue();
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(1);
    }

    [Fact]
    public async Task A_number_that_has_a_new_owner_is_the_new_owners()
    {
        await _db.AddUsersAsync("old", "new");
        await _db.ExecuteAsync(
            """
            UPDATE users SET phone_number = '+15555550777' WHERE id = 'old';
            INSERT INTO conversations (id, user_id, phone_number, status) VALUES ('c1', 'old', '+15555550100', 'completed');
            INSERT INTO sms_turns (user_id, last_sent_at) VALUES ('old', now())
            """);

        await ReceiveAsync("STOP");

        (await _db.SingleAsync<string>("SELECT user_id FROM messages WHERE direction = 'inbound'")).ShouldBe("new");
        (await IsOptedOutAsync("old")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_user_with_that_number_goes_before_one_with_a_conversation_of_that_number()
    {
        await _db.AddUsersAsync("talking", "owner");
        await _db.ExecuteAsync(
            """
            UPDATE users SET phone_number = '+15555550777' WHERE id = 'talking';
            INSERT INTO conversations (id, user_id, phone_number, status) VALUES ('c1', 'talking', '+15555550100', 'active');
            INSERT INTO sms_turns (user_id, last_sent_at) VALUES ('talking', now())
            """);

        await ReceiveAsync("Hello");

        (await _db.SingleAsync<string>("SELECT user_id FROM messages WHERE direction = 'inbound'")).ShouldBe("owner");
    }

    [Theory]
    [InlineData("+1 (555) 555-0100")]
    [InlineData("+1.555.555.0100")]
    [InlineData("+1\u00A0555\u00A0555\u00A00100")]
    public async Task A_number_is_known_however_it_was_written_down(string stored)
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("UPDATE users SET phone_number = @stored", new { stored });

        await ReceiveAsync("Hello");

        (await _db.SingleAsync<string>("SELECT user_id FROM messages WHERE direction = 'inbound'")).ShouldBe("ann");
    }

    [Fact]
    public async Task A_picture_without_words_is_stored_as_such()
    {
        await _db.AddUsersAsync("ann");

        await ReceiveAsync("", media: 2);

        (await _db.SingleAsync<string>("SELECT content FROM messages")).ShouldBe("[2 attachments]");
    }
}
