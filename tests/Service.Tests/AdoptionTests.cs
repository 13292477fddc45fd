using System.Text.Json;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;
using static Orchestrator.Service.Tests.AdoptedDatabase;

namespace Orchestrator.Service.Tests;

public sealed class AdoptionTests(PostgresServer server) : IAsyncLifetime
{
    private static readonly LocalDate Today = new(2025, 10, 15);

    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateAdoptableAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    [Fact]
    public async Task No_row_column_trigger_index_or_constraint_is_lost()
    {
        string[] tables = ["users", "conversations", "messages", "message_queue", "user_message_budget", "agent_actions_log"];
        await _db.ExecuteAsync("CREATE SCHEMA before");
        foreach (var table in tables)
            await _db.ExecuteAsync($"CREATE TABLE before.{table} AS TABLE public.{table}");
        var before = await PartsAsync();
        before.Count(part => part.StartsWith("trigger", StringComparison.Ordinal)).ShouldBe(2);

        await MigrateAsync();

        before.Except(await PartsAsync()).ShouldBeEmpty();
        foreach (var table in tables)
        {
            // Lanes and statuses are what adopting is about; they have a test of their own.
            var columns = await _db.SingleAsync<string>(
                """
                SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
                WHERE table_schema = 'before' AND table_name = @table AND NOT (table_name = 'message_queue' AND column_name IN ('priority', 'status'))
                """,
                new { table });
            var (rows, lost) = await _db.SingleAsync<(long, long)>(
                $"""
                 SELECT (SELECT count(*) FROM public.{table}),
                   (SELECT count(*) FROM (SELECT {columns} FROM before.{table} EXCEPT ALL SELECT {columns} FROM public.{table}) AS lost)
                 """);
            lost.ShouldBe(0, table);
            rows.ShouldBe(await _db.SingleAsync<long>($"SELECT count(*) FROM before.{table}"), table);
        }
    }

    [Fact]
    public async Task Waiting_rows_without_a_lane_and_approved_ones_become_deliverable_and_finished_ones_stay_as_they_are()
    {
        await MigrateAsync();

        var queue = await _db.QueryAsync<(Guid Id, string Priority, string Status)>("SELECT id, priority, status FROM message_queue");
        queue.ShouldContain((BobsApproved, "urgent", "queued"));
        queue.ShouldContain((CydsLaneless, "medium", "queued"));
        queue.Select(row => row.Status).Order(StringComparer.Ordinal).ShouldBe(
            ["cancelled", "queued", "queued", "queued", "queued", "sent", "sent", "sent", "superseded"]);
    }

    [Fact]
    public async Task Rows_that_the_replaced_service_has_queued_are_delivered()
    {
        await MigrateAsync();

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(Delivered: 3, 0, 0, 0));
        (await _db.DispatchAsync()).ShouldBe(default);

        // Nobody is named as the author of Bob's: the column takes no null, and the message is not to fail for it.
        var delivered = await _db.QueryAsync<(string Content, string Role, string User)>(
            """
            SELECT m.content, m.role, m.user_id::text FROM messages m
            JOIN message_queue q ON q.delivered_message_id = m.id AND q.status = 'sent' AND q.id = m.id
            ORDER BY m.content
            """);
        delivered.ShouldBe([("Approved of old", "system", Bob), ("Laneless of old", "bouncer", Cyd), ("Queued of old", "concierge", Ann)]);
        (await _db.ScheduledForAsync(EvesForTomorrow)).ShouldBe(Instant.FromUtc(2025, 10, 16, 16, 0));
    }

    [Fact]
    public async Task The_trigger_on_messages_takes_the_pending_row_and_the_delivery_counts()
    {
        await MigrateAsync();
        await using var listener = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var payloads = new List<string>();
        listener.Notification += (_, notification) => payloads.Add(notification.Payload);
        await using (var listen = new NpgsqlCommand("LISTEN send_sms", listener))
            await listen.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        var countedBefore = await MessagesOfConversationAsync(AnnsConversation);

        (await _db.DispatchAsync()).Delivered.ShouldBe(3);

        (await _db.SingleAsync<string>("SELECT status FROM messages WHERE id = @AnnsQueued", new { AnnsQueued })).ShouldBe("queued_for_send");
        (await _db.StatusOfAsync(AnnsQueued)).ShouldBe("sent");
        (await MessagesOfConversationAsync(AnnsConversation)).ShouldBe(countedBefore + 1);
        while (payloads.Count < 3)
            (await listener.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken)).ShouldBeTrue();
        payloads.ShouldContain(payload => payload.Contains(AnnsQueued.ToString()) && payload.Contains(AnnsConversation));
    }

    [Fact]
    public async Task The_limits_of_the_newest_budget_row_count_and_are_carried_to_the_new_day()
    {
        await MigrateAsync();
        await _db.DispatchAsync();

        // Two an hour, three a day, says yesterday's row; the one before allowed more.
        _db.Now += Duration.FromMinutes(1);
        var second = await _db.QueueAsync(Ann);
        await _db.DispatchAsync();
        _db.Now += Duration.FromMinutes(1);
        var third = await _db.QueueAsync(Ann);
        await _db.DispatchAsync();
        (await _db.StatusOfAsync(second)).ShouldBe("sent");
        (await _db.ScheduledForAsync(third)).ShouldBe(Instant.FromUtc(2025, 10, 15, 17, 0));

        _db.Now = Instant.FromUtc(2025, 10, 15, 17, 0);
        await _db.DispatchAsync();
        _db.Now += Duration.FromHours(2);
        var fourth = await _db.QueueAsync(Ann);
        await _db.DispatchAsync();
        (await _db.StatusOfAsync(third)).ShouldBe("sent");
        (await _db.ScheduledForAsync(fourth)).ShouldBe(Instant.FromUtc(2025, 10, 16, 12, 0));

        (await BudgetsAsync(Ann)).ShouldBe(
            [(new LocalDate(2025, 10, 10), 4, 50, 20), (new LocalDate(2025, 10, 14), 3, 3, 2), (Today, 3, 3, 2)]);
    }

    [Fact]
    public async Task A_row_that_todays_budget_already_has_is_counted_up()
    {
        await MigrateAsync();

        await _db.DispatchAsync();

        (await BudgetsAsync(Bob)).ShouldBe([(Today, 2, 5, 2)]);
        (await _db.SingleAsync<Instant>("SELECT last_message_at FROM user_message_budget WHERE user_id = @Bob::uuid", new { Bob }))
            .ShouldBe(_db.Now);
    }

    [Fact]
    public async Task The_newest_budget_row_switches_quiet_hours_off_for_the_new_day_too()
    {
        await MigrateAsync();
        _db.Now = Instant.FromUtc(2025, 10, 16, 3, 0); // 23:00 in New York
        var annsAtNight = await _db.QueueAsync(Ann);
        var evesAtNight = await _db.QueueAsync(Eve);
        await _db.DispatchAsync();
        _db.Now += Duration.FromMinutes(1);
        var evesNext = await _db.QueueAsync(Eve);
        await _db.DispatchAsync();

        (await _db.StatusOfAsync(evesAtNight)).ShouldBe("sent");
        (await _db.StatusOfAsync(evesNext)).ShouldBe("sent");
        (await _db.SingleAsync<bool>(
            "SELECT quiet_hours_enabled FROM user_message_budget WHERE user_id = @Eve::uuid AND date = @Today", new { Eve, Today })).ShouldBeFalse();
        (await _db.StatusOfAsync(annsAtNight)).ShouldBe("queued");
        (await _db.ScheduledForAsync(annsAtNight)).ShouldBe(Instant.FromUtc(2025, 10, 16, 12, 0, 30)); // 08:00, after the one that waited longer
    }

    [Fact]
    public async Task The_daily_limits_of_users_in_different_zones_count_on_their_own_local_days()
    {
        await MigrateAsync();
        _db.Now = Instant.FromUtc(2025, 10, 15, 20, 0);
        await _db.ExecuteAsync(
            """
            DELETE FROM user_message_budget;
            UPDATE users SET timezone = 'Pacific/Auckland' WHERE id = @Dan::uuid;
            INSERT INTO user_message_budget (user_id, date, messages_sent, daily_limit, hourly_limit)
            VALUES (@Dan::uuid, '2025-10-15', 1, 1, NULL), (@Eve::uuid, '2025-10-15', 1, 1, NULL)
            """,
            new { Dan, Eve });
        var eves = await _db.QueueAsync(Eve);
        var dans = await _db.QueueAsync(Dan);
        var dansNext = await _db.QueueAsync(Dan);

        await _db.DispatchAsync();

        // It is still the 15th in New York, where the limit is reached, and 09:00 of the 16th in Auckland.
        (await _db.ScheduledForAsync(eves)).ShouldBe(Instant.FromUtc(2025, 10, 16, 12, 0));
        (await BudgetsAsync(Dan)).ShouldBe([(Today, 1, 1, null), (Today.PlusDays(1), 1, 1, null)]);
        (await _db.QueryAsync<Instant>("SELECT scheduled_for FROM message_queue WHERE id IN (@dans, @dansNext) AND status = 'queued'", new { dans, dansNext }))
            .ShouldBe([Instant.FromUtc(2025, 10, 16, 19, 0)]); // 08:00 of the 17th in Auckland
    }

    [Theory]
    [InlineData("user_123")]
    [InlineData("b0000000-0000-4000-8000-00000000000")]
    [InlineData("00000000-0000-4000-8000-000000000000")]
    public async Task A_user_id_that_no_user_has_is_unknown_also_where_it_is_no_uuid(string userId)
    {
        await MigrateAsync();

        var refused = (await _db.ScheduleAsync(Some.Request(userId))).ShouldBeOfType<ScheduleOutcome.Refused>();

        (refused.Problem.Status, refused.Problem.Code).ShouldBe((404, "user_not_found"));
    }

    [Theory]
    [InlineData("conv_789")]
    [InlineData("a1000000-0000-4000-8000-00000000000f")]
    [InlineData(BobsConversation)]
    public async Task A_conversation_that_the_user_does_not_have_is_unknown_also_where_its_id_is_no_uuid(string conversationId)
    {
        await MigrateAsync();

        var request = Some.Request(Ann) with { ConversationId = conversationId };
        var refused = (await _db.ScheduleAsync(request)).ShouldBeOfType<ScheduleOutcome.Refused>();

        (refused.Problem.Status, refused.Problem.Code).ShouldBe((404, "conversation_not_found"));
    }

    [Fact]
    public async Task Ids_in_upper_case_are_the_same_ids()
    {
        await MigrateAsync();

        var request = Some.Request(Eve.ToUpperInvariant()) with { ConversationId = EvesConversation.ToUpperInvariant(), Lane = Lane.Urgent };
        var id = IdOf(await _db.ScheduleAsync(request));

        (await _db.SingleAsync<(string, string)>(
            "SELECT user_id::text, conversation_id::text FROM messages WHERE id = @id", new { id })).ShouldBe((Eve, EvesConversation));
    }

    [Fact]
    public async Task A_scheduled_message_goes_into_the_users_newest_active_conversation()
    {
        await MigrateAsync();
        await _db.DispatchAsync();
        _db.Now += Duration.FromMinutes(1);

        var id = IdOf(await _db.ScheduleAsync(Some.Request(Ann) with { Lane = Lane.High }));
        await _db.DispatchAsync();

        // The newer of the two is completed.
        (await _db.SingleAsync<string>("SELECT conversation_id::text FROM messages WHERE id = @id", new { id })).ShouldBe(AnnsConversation);
    }

    [Fact]
    public async Task An_urgent_message_is_handed_over_before_the_answer()
    {
        await MigrateAsync();

        var answer = (await _db.ScheduleAsync(Some.Request(Eve) with { Lane = Lane.Urgent })).ShouldBeOfType<ScheduleOutcome.Answered>();

        JsonDocument.Parse(answer.Json).RootElement.GetProperty("status").GetString().ShouldBe("sent");
        (await _db.SingleAsync<string>("SELECT status FROM messages WHERE id = @id", new { id = IdOf(answer) })).ShouldBe("queued_for_send");
    }

    [Fact]
    public async Task A_key_stores_one_message_and_replays_its_answer()
    {
        await MigrateAsync();

        var first = (await _db.ScheduleAsync(Some.Request(Eve), key: "k1")).ShouldBeOfType<ScheduleOutcome.Answered>();
        var second = (await _db.ScheduleAsync(Some.Request(Eve), key: "k1")).ShouldBeOfType<ScheduleOutcome.Answered>();
        var other = (await _db.ScheduleAsync(Some.Request(Bob), key: "k1")).ShouldBeOfType<ScheduleOutcome.Refused>();

        (first.Replayed, second.Replayed).ShouldBe((false, true));
        second.Json.ShouldBe(first.Json);
        other.Problem.Status.ShouldBe(422);
        (await _db.SingleAsync<long>("SELECT count(*) FROM message_queue WHERE agent_id = 'concierge_agent_456'")).ShouldBe(1);
    }

    [Fact]
    public async Task A_user_without_a_conversation_gets_one_and_keeps_it()
    {
        await MigrateAsync();

        var first = IdOf(await _db.ScheduleAsync(Some.Request(Dan) with { Lane = Lane.Urgent }));
        _db.Now += Duration.FromMinutes(1);
        var second = IdOf(await _db.ScheduleAsync(Some.Request(Dan) with { Lane = Lane.Urgent }));

        var conversation = await _db.SingleAsync<(string Id, string Phone, string Status, int Messages)>(
            "SELECT id::text, phone_number, status, messages_since_summary FROM conversations WHERE user_id = @Dan::uuid", new { Dan });
        (conversation.Phone, conversation.Status, conversation.Messages).ShouldBe(("+12125550104", "active", 2));
        (await _db.QueryAsync<string>("SELECT conversation_id::text FROM messages WHERE id IN (@first, @second)", new { first, second }))
            .ShouldBe([conversation.Id, conversation.Id]);
    }

    [Fact]
    public async Task An_agent_whose_name_is_longer_than_the_role_column_is_cut_rather_than_refused()
    {
        await MigrateAsync();

        var id = IdOf(await _db.ScheduleAsync(Some.Request(Dan) with { AgentId = new string('x', 100), Lane = Lane.Urgent }));

        (await _db.StatusOfAsync(id)).ShouldBe("sent");
        (await _db.SingleAsync<string>("SELECT role FROM messages WHERE id = @id", new { id })).ShouldBe(new string('x', 50));
    }

    [Fact]
    public async Task A_message_that_a_trigger_refuses_fails_alone_with_a_reason_and_the_rest_of_the_batch_is_delivered()
    {
        await MigrateAsync();
        await _db.ExecuteAsync(
            $"""
             INSERT INTO users (phone_number) SELECT '+1312555' || n FROM generate_series(1000, 1040) AS n;
             CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not for this user'; END $$;
             CREATE TRIGGER poison BEFORE INSERT ON messages FOR EACH ROW WHEN (NEW.user_id = '{Eve}') EXECUTE FUNCTION refuse();
             """);
        foreach (var user in await _db.QueryAsync<string>("SELECT id::text FROM users WHERE phone_number LIKE '+1312555%'"))
            await _db.QueueAsync(user);
        var poisoned = await _db.QueueAsync(Eve);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(Delivered: 3 + 41, Deferred: 0, Expired: 0, Failed: 1));

        (await _db.SingleAsync<(string, string)>("SELECT status, reason FROM message_queue WHERE id = @poisoned", new { poisoned }))
            .ShouldBe(("failed", "rejected"));
        var (action, error) = await _db.SingleAsync<(string, string)>(
            "SELECT action_type, error FROM agent_actions_log WHERE context_id = @poisoned", new { poisoned });
        action.ShouldBe("message_failed");
        error.ShouldContain(PostgresErrorCodes.RaiseException);
        (await _db.SingleAsync<long>("SELECT count(*) FROM messages WHERE status = 'queued_for_send'")).ShouldBe(44);
    }

    private Task<IReadOnlyList<string>> MigrateAsync() => new Migrator(_db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);

    private Task<int> MessagesOfConversationAsync(string id) =>
        _db.SingleAsync<int>("SELECT messages_since_summary FROM conversations WHERE id = @id::uuid", new { id });

    private Task<IReadOnlyList<(LocalDate Date, int Sent, int? Daily, int? Hourly)>> BudgetsAsync(string userId) =>
        _db.QueryAsync<(LocalDate, int, int?, int?)>(
            "SELECT date, messages_sent, daily_limit, hourly_limit FROM user_message_budget WHERE user_id = @userId::uuid ORDER BY date",
            new { userId });

    /// <summary>What the schema consists of, as definitions.</summary>
    private Task<IReadOnlyList<string>> PartsAsync() => _db.QueryAsync<string>(
        """
        SELECT format('column %s.%s %s %s', table_name, column_name, data_type, column_default)
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION ALL SELECT 'trigger ' || pg_get_triggerdef(oid) || tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
        UNION ALL SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION ALL SELECT format('constraint %s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        """);

    private static Guid IdOf(ScheduleOutcome outcome) =>
        JsonDocument.Parse(outcome.ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement.GetProperty("messageId").GetGuid();
}
