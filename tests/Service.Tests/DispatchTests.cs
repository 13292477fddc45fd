using Orchestrator.Core;
using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.Tests;

public sealed class DispatchTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    [Fact]
    public async Task A_due_message_is_handed_over_once_with_everything_that_belongs_to_it()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number) VALUES ('c1', 'ann', '+15555550100')");
        var id = await _db.QueueAsync("ann", content: "Hi Ann", conversationId: "c1");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 0, 0, 0));
        (await _db.DispatchAsync()).ShouldBe(default);

        var message = await _db.SingleAsync<(string Conversation, string User, string Role, string Content, string Direction, string Status, Instant At)>(
            "SELECT conversation_id, user_id, role, content, direction, status, created_at FROM messages");
        message.ShouldBe(("c1", "ann", "concierge", "Hi Ann", "outbound", "pending", _db.Now));
        var queued = await _db.SingleAsync<(string Status, Instant SentAt, Guid DeliveredAs)>(
            "SELECT status, sent_at, delivered_message_id FROM message_queue");
        queued.ShouldBe(("sent", _db.Now, id));
        var budget = await _db.SingleAsync<(LocalDate Date, int Sent, Instant Last)>(
            "SELECT date, messages_sent, last_message_at FROM user_message_budget");
        budget.ShouldBe((new LocalDate(2025, 10, 15), 1, _db.Now));
        var trail = await _db.SingleAsync<(string Type, string Action, Guid Message)>("SELECT agent_type, action_type, context_id FROM agent_actions_log");
        trail.ShouldBe(("message_orchestrator", "message_delivered", id));
    }

    [Fact]
    public async Task A_user_gets_one_message_and_the_others_are_spread_over_the_following_slots_best_lane_first()
    {
        await _db.AddUsersAsync("ann");
        var low = await _db.QueueAsync("ann", Lane.Low, canDelay: false);
        var medium = await _db.QueueAsync("ann", Lane.Medium);
        var high = await _db.QueueAsync("ann", Lane.High);
        var urgent = await _db.QueueAsync("ann", Lane.Urgent);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 3, 0, 0));

        (await _db.StatusOfAsync(urgent)).ShouldBe("sent");
        (await _db.ScheduledForAsync(high)).ShouldBe(_db.Now + Duration.FromSeconds(30));
        (await _db.ScheduledForAsync(medium)).ShouldBe(_db.Now + Duration.FromSeconds(60));
        (await _db.ScheduledForAsync(low)).ShouldBe(_db.Now + Duration.FromSeconds(90));
    }

    [Fact]
    public async Task The_cooldown_holds_across_midnight_where_the_day_of_the_budget_changes()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("UPDATE users SET quiet_hours_start = '03:00', quiet_hours_end = '04:00'");
        _db.Now = Instant.FromUtc(2025, 10, 16, 3, 59, 50); // 23:59:50 in New York
        await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);

        _db.Now += Duration.FromSeconds(20); // 00:00:10 of the next day
        var second = await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 1, 0, 0));
        (await _db.ScheduledForAsync(second)).ShouldBe(Instant.FromUtc(2025, 10, 16, 4, 0, 20));

        _db.Now = Instant.FromUtc(2025, 10, 16, 4, 0, 20);
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
        (await _db.QueryAsync<LocalDate>("SELECT date FROM user_message_budget ORDER BY date"))
            .ShouldBe([new LocalDate(2025, 10, 15), new LocalDate(2025, 10, 16)]);
    }

    [Fact]
    public async Task The_hourly_limit_is_a_rolling_window_over_midnight_and_the_daily_limit_a_calendar_day()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("UPDATE users SET timezone = 'UTC', quiet_hours_start = '03:00', quiet_hours_end = '03:00'");
        await _db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date, daily_limit, hourly_limit) VALUES ('ann', '2025-10-01', 3, 2)");
        _db.Now = Instant.FromUtc(2025, 10, 15, 23, 40);
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        _db.Now = Instant.FromUtc(2025, 10, 15, 23, 50);
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();

        _db.Now = Instant.FromUtc(2025, 10, 16, 0, 10);
        var third = await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Deferred.ShouldBe(1);

        (await _db.ScheduledForAsync(third)).ShouldBe(Instant.FromUtc(2025, 10, 16, 0, 40));
        (await _db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @third", new { third })).ShouldBe("hourly_limit_reached");
        (await _db.SingleAsync<(int, int)>("SELECT daily_limit, hourly_limit FROM user_message_budget WHERE date = '2025-10-15'")).ShouldBe((3, 2));
    }

    [Fact]
    public async Task An_active_user_is_answered_at_night_and_above_the_hourly_limit_but_never_above_the_daily_one()
    {
        await _db.AddUsersAsync("ann");
        _db.Now = Instant.FromUtc(2025, 10, 15, 7, 0); // 03:00 in New York
        await _db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date, daily_limit, hourly_limit) VALUES ('ann', '2025-10-14', 2, 1)");
        await _db.ExecuteAsync(
            "INSERT INTO messages (conversation_id, user_id, role, content, direction, created_at) VALUES ('c', 'ann', 'user', 'hey', 'inbound', @at)",
            new { at = _db.Now - Duration.FromMinutes(2) });
        await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
        _db.Now += Duration.FromSeconds(30);
        await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);

        _db.Now += Duration.FromSeconds(30);
        var third = await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Deferred.ShouldBe(1);
        (await _db.ScheduledForAsync(third)).ShouldBe(Instant.FromUtc(2025, 10, 16, 12, 0)); // the end of the next night
    }

    [Fact]
    public async Task A_message_held_back_by_the_night_goes_at_the_end_of_quiet_hours_and_says_so_in_the_trail()
    {
        await _db.AddUsersAsync("ann");
        _db.Now = Instant.FromUtc(2025, 10, 15, 7, 0);
        var id = await _db.QueueAsync("ann", Lane.Urgent);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 1, 0, 0));

        var end = Instant.FromUtc(2025, 10, 15, 12, 0);
        (await _db.ScheduledForAsync(id)).ShouldBe(end);
        var trail = await _db.SingleAsync<(string Action, string Code, string Reason, string Until)>(
            "SELECT action_type, output_data->>'code', output_data->>'reason', output_data->>'until' FROM agent_actions_log");
        trail.Action.ShouldBe("message_deferred");
        trail.Code.ShouldBe("quiet_hours");
        trail.Reason.ShouldEndWith(".");
        trail.Until.ShouldStartWith("2025-10-15T");
        _db.Now = end;
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
    }

    [Fact]
    public async Task An_expired_message_is_never_delivered_and_never_forgotten()
    {
        await _db.AddUsersAsync("ann");
        var id = await _db.QueueAsync("ann", expiresAt: _db.Now);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 0, 1, 0));

        (await _db.StatusOfAsync(id)).ShouldBe("expired");
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(0);
        (await _db.SingleAsync<string>("SELECT action_type FROM agent_actions_log")).ShouldBe("message_expired");
    }

    [Theory]
    [InlineData("UPDATE users SET phone_number = NULL", "no_phone_number")]
    [InlineData("UPDATE users SET phone_number = ''", "no_phone_number")]
    [InlineData("UPDATE users SET opted_out = true", "opted_out")]
    [InlineData("DELETE FROM users", "user_not_found")]
    [InlineData("DELETE FROM conversations", "conversation_not_found")]
    [InlineData("UPDATE conversations SET user_id = 'bob'", "conversation_not_found")]
    [InlineData("UPDATE message_queue SET message_data = '{\"content\": 5}'", "no_content")]
    public async Task A_message_that_can_never_be_delivered_fails_with_the_reason_and_holds_up_nobody(string mishap, string code)
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number) VALUES ('c1', 'ann', '+15555550100')");
        var id = await _db.QueueAsync("ann", conversationId: "c1");
        await _db.ExecuteAsync(mishap);
        await _db.AddUsersAsync("eve");
        var other = await _db.QueueAsync("eve");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 0, 0, 1));

        (await _db.SingleAsync<(string, string)>("SELECT status, reason FROM message_queue WHERE id = @id", new { id })).ShouldBe(("failed", code));
        (await _db.StatusOfAsync(other)).ShouldBe("sent");
        (await _db.SingleAsync<string>("SELECT error FROM agent_actions_log WHERE context_id = @id", new { id })).ShouldNotBeNullOrEmpty();
    }

    [Fact]
    public async Task A_message_that_the_database_refuses_fails_alone_and_the_rest_of_its_batch_goes_out()
    {
        await _db.ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.content = 'poison') EXECUTE FUNCTION refuse();
            """);
        var users = Enumerable.Range(0, 40).Select(i => $"user_{i}").ToList();
        await _db.AddUsersAsync(users);
        foreach (var user in users)
            await _db.QueueAsync(user, content: user is "user_7" or "user_8" or "user_31" ? "poison" : "fine");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(37, 0, 0, 3));

        (await _db.QueryAsync<(string User, string Status, string Reason)>(
            "SELECT user_id, status, reason FROM message_queue WHERE status <> 'sent' ORDER BY user_id"))
            .ShouldBe([("user_31", "failed", "rejected"), ("user_7", "failed", "rejected"), ("user_8", "failed", "rejected")]);
        (await _db.SingleAsync<int>("SELECT sum(delivered)::int FROM dispatchers")).ShouldBe(37);
    }

    [Theory]
    [InlineData("42501")]
    [InlineData("0A000")]
    // Not XX000: Npgsql breaks the connection for that, and the server keeps its locks until it has noticed, so that the pass may not see the message.
    [InlineData("HV000")]
    public async Task A_trigger_that_raises_whatever_code_for_one_message_fails_it_where_others_go_out(string code)
    {
        await _db.ExecuteAsync(
            $"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one' USING ERRCODE = '{code}'; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.content = 'poison') EXECUTE FUNCTION refuse();
            """);
        await _db.AddUsersAsync("ann", "bob", "cid");
        var poison = await _db.QueueAsync("ann", content: "poison");

        // Alone, or beside one that is merely held back, it might as well be the schema's fault, which somebody will mend.
        (await _db.DispatchAsync()).ShouldBe(default);
        await _db.AddUsersAsync("asleep");
        await _db.ExecuteAsync("UPDATE users SET timezone = 'Asia/Tokyo' WHERE id = 'asleep'");
        await _db.QueueAsync("asleep");
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 1, 0, 0));
        (await _db.StatusOfAsync(poison)).ShouldBe("queued");

        await _db.QueueAsync("bob");
        await _db.QueueAsync("cid");
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(2, 0, 0, 1));
        (await _db.StatusOfAsync(poison)).ShouldBe("failed");
    }

    [Theory]
    [InlineData("UPDATE users SET quiet_hours_start = '24:00', quiet_hours_end = '24:00' WHERE id = 'odd'")]
    [InlineData("UPDATE message_queue SET expires_at = '12000-01-01' WHERE user_id = 'odd'")]
    [InlineData("UPDATE message_queue SET expires_at = 'infinity', created_at = '-infinity' WHERE user_id = 'odd'")]
    [InlineData("UPDATE message_queue SET scheduled_for = '-infinity' WHERE user_id = 'odd'")]
    [InlineData("INSERT INTO messages (conversation_id, user_id, role, content, direction, created_at) VALUES ('c', 'odd', 'user', 'x', 'inbound', 'infinity'), ('c', 'odd', 'user', 'x', 'inbound', '-infinity')")]
    [InlineData("INSERT INTO user_message_budget (user_id, date, last_message_at, recent_deliveries) VALUES ('odd', 'infinity', 'infinity', '{infinity}'), ('odd', '2025-10-14', '-infinity', '{-infinity, NULL}')")]
    [InlineData("UPDATE users SET timezone = 'Not/AZone', response_pattern = '7' WHERE id = 'odd'")]
    [InlineData("UPDATE message_queue SET final_message = '' WHERE user_id = 'odd'")]
    public async Task Values_that_only_PostgreSQL_knows_trouble_nobody(string oddity)
    {
        await _db.AddUsersAsync("odd", "ann");
        await _db.QueueAsync("odd");
        await _db.QueueAsync("ann");
        await _db.ExecuteAsync(oddity);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(2, 0, 0, 0));
        (await _db.ScheduleAsync(Some.Request("odd"))).ShouldBeOfType<Scheduling.ScheduleOutcome.Answered>();
    }

    [Fact]
    public async Task A_users_messages_beyond_one_batch_get_slots_of_their_own()
    {
        _db.Settings = _db.Settings with { BatchSize = 20 };
        await _db.AddUsersAsync("ann");
        for (var i = 0; i < 100; i++)
            await _db.QueueAsync("ann", (Lane)(1 + (i % 2)), canDelay: false);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 99, 0, 0));

        (await _db.QueryAsync<Instant>("SELECT scheduled_for FROM message_queue WHERE status = 'queued' ORDER BY scheduled_for"))
            .ShouldBe(Enumerable.Range(1, 99).Select(i => _db.Now + Duration.FromSeconds(30 * i)));
        for (var i = 0; i < 99; i++)
        {
            _db.Now += Duration.FromSeconds(30);
            (await _db.DispatchAsync()).Delivered.ShouldBe(1);
        }

        // Each was held back once, or once more where a better lane came from a later batch.
        (await _db.SingleAsync<int>("SELECT max(n)::int FROM (SELECT count(*) AS n FROM agent_actions_log GROUP BY context_id) AS decisions"))
            .ShouldBeLessThanOrEqualTo(4);
    }

    [Fact]
    public async Task A_user_without_an_active_conversation_gets_one_and_keeps_it()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("INSERT INTO conversations (id, user_id, phone_number, status) VALUES ('old', 'ann', '+15555550100', 'completed')");
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        _db.Now += Duration.FromMinutes(1);
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();

        var conversations = await _db.QueryAsync<string>("SELECT DISTINCT conversation_id FROM messages");
        conversations.Count.ShouldBe(1);
        (await _db.SingleAsync<(string, string)>(
            "SELECT user_id, phone_number FROM conversations WHERE id = @id AND status = 'active'", new { id = conversations[0] }))
            .ShouldBe(("ann", "+15555550100"));
    }

    [Fact]
    public async Task Low_messages_wait_five_minutes_at_a_time_while_higher_lanes_are_busy_and_count_as_medium_after_a_day()
    {
        _db.Settings = _db.Settings with { Rules = _db.Settings.Rules with { BusyAbove = 2 }, BatchSize = 10 };
        await _db.AddUsersAsync("ann", "bob", "cid", "dan", "old");
        foreach (var user in (string[])["bob", "cid", "dan"])
            await _db.QueueAsync(user, Lane.Medium);
        var low = await _db.QueueAsync("ann", Lane.Low);
        var aged = await _db.QueueAsync("old", Lane.Low, createdAt: _db.Now - Duration.FromHours(24));

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(4, 1, 0, 0));

        (await _db.ScheduledForAsync(low)).ShouldBe(_db.Now + Duration.FromMinutes(5));
        (await _db.StatusOfAsync(aged)).ShouldBe("sent");
        _db.Now += Duration.FromMinutes(5);
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
    }

    [Fact]
    public async Task One_users_flood_of_due_messages_does_not_keep_the_others_from_going_out_in_the_same_dispatch()
    {
        _db.Settings = _db.Settings with { BatchSize = 50 };
        await _db.AddUsersAsync("flood", "ann", "bob");
        for (var i = 0; i < 300; i++)
            await _db.QueueAsync("flood", scheduledFor: _db.Now - Duration.FromMinutes(10));
        var ann = await _db.QueueAsync("ann");
        var bob = await _db.QueueAsync("bob", Lane.Medium);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(3, 299, 0, 0));

        // The flood's first batch of 50 comes before them, its other 250 messages after.
        (await _db.StatusOfAsync(ann)).ShouldBe("sent");
        (await _db.StatusOfAsync(bob)).ShouldBe("sent");
        (await _db.SingleAsync<int>(
            """
            SELECT count(*)::int FROM agent_actions_log
            WHERE user_id = 'flood' AND ctid < (SELECT ctid FROM agent_actions_log WHERE context_id = @bob)
            """,
            new { bob })).ShouldBe(50);
    }

    [Theory]
    [InlineData(null)]
    [InlineData(1)]
    public async Task Twenty_thousand_messages_of_one_user_for_one_time_keep_nobody_from_going_out_in_the_same_dispatch(int? hourlyLimit)
    {
        await _db.AddUsersAsync("flood", "ann");
        await _db.ExecuteAsync(
            """
            INSERT INTO user_message_budget (user_id, date, hourly_limit) VALUES ('flood', '2025-10-01', @hourlyLimit::int);
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, created_at)
            SELECT 'flood', 'agent', '{"content": "x"}', @Now + interval '30 minutes', @Now FROM generate_series(1, 20000)
            """,
            new { _db.Now, hourlyLimit });
        await _db.QueueAsync("flood");
        await _db.QueueAsync("flood");
        var ann = await _db.QueueAsync("ann");

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(2, 1, 0, 0));

        (await _db.StatusOfAsync(ann)).ShouldBe("sent");
    }

    [Fact]
    public async Task A_user_whom_another_transaction_holds_is_left_alone_and_hides_nobody_behind()
    {
        _db.Settings = _db.Settings with { BatchSize = 5 };
        await _db.AddUsersAsync("held", "ann");
        for (var i = 0; i < 20; i++)
            await _db.QueueAsync("held", scheduledFor: _db.Now - Duration.FromMinutes(10));
        var ann = await _db.QueueAsync("ann");

        await using (var other = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken))
        await using (await other.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await using var hold = other.CreateCommand();
            hold.CommandText = "SELECT FROM users WHERE id = 'held' FOR UPDATE";
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

            (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 0, 0, 0));
        }

        (await _db.StatusOfAsync(ann)).ShouldBe("sent");
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
    }

    [Fact]
    public async Task A_row_that_somebody_else_keeps_locked_delays_its_user_alone()
    {
        await _db.AddUsersAsync("held", "ann", "bob", "cid");
        await _db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date) VALUES ('held', '2025-10-15')");
        foreach (var user in (string[])["held", "ann", "bob", "cid"])
            await _db.QueueAsync(user);

        await using (var other = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken))
        await using (await other.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await using var hold = other.CreateCommand();
            hold.CommandText = "SELECT FROM user_message_budget WHERE user_id = 'held' FOR UPDATE";
            await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

            (await _db.DispatchAsync()).ShouldBe(new DispatchResult(3, 0, 0, 0));
        }

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 0, 0, 0));
    }

    [Fact]
    public async Task What_each_instance_has_done_adds_up()
    {
        await _db.AddUsersAsync("ann", "bob");
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        await _db.QueueAsync("bob");
        await _db.DispatchAsync();

        (await _db.SingleAsync<(int Instances, int Delivered)>("SELECT count(*)::int, sum(delivered)::int FROM dispatchers")).ShouldBe((2, 2));
    }
}
