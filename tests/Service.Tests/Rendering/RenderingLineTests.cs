using Dapper;
using Orchestrator.Core;
using Orchestrator.Fakes;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>Whose message the model is asked about next.</summary>
public sealed class RenderingLineTests(PostgresServer server) : RenderingTests(server)
{
    private Task<IReadOnlyList<(string User, int Leases)>> LeasesAsync() => Db.QueryAsync<(string, int)>(
        "SELECT user_id, count(render_claim)::int FROM message_queue WHERE status = 'queued' GROUP BY 1 ORDER BY 1");

    private async Task<IReadOnlyList<string>> QueueACrowdAsync(int size)
    {
        string[] users = [.. Enumerable.Range(10, size).Select(n => $"user_{n}")];
        foreach (var user in users)
        {
            await Service.AddUserAsync(user);
            Db.Now += Duration.FromMilliseconds(1);
            await Service.QueueAsync(user, $$"""{"event": "{{user}}"}""");
        }

        return users;
    }

    private static string EventOf(ModelRequest request) => request.Data.Substring(request.Data.IndexOf("user_", StringComparison.Ordinal), "user_00".Length);

    [Fact]
    public async Task One_users_burst_of_requests_takes_one_hand()
    {
        await Service.AddUserAsync("bob");
        var scheduler = Db.NewScheduler(Service.NewInstance().Dispatcher);
        foreach (var user in (string[])[.. Enumerable.Repeat("ann", 10), "bob"])
        {
            await scheduler.ScheduleAsync(
                Some.Request(user) with { MessageData = Data, HasContent = false, Lane = Lane.Urgent }, key: null, dryRun: false, TestContext.Current.CancellationToken);
        }

        (await LeasesAsync()).ShouldBe([("ann", 1), ("bob", 1)]);
    }

    [Fact]
    public async Task A_message_that_the_model_is_at_has_its_users_slot_and_only_what_goes_before_it_goes()
    {
        var leased = await Service.QueueAsync("ann", Data, lane: Lane.Medium);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        Db.Now += Duration.FromMilliseconds(1);
        var behind = await Service.QueueAsync("ann", Data, lane: Lane.Medium);
        await instance.DispatchAsync();
        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @behind", new { behind })).ShouldBe("cooldown");
        (await LeasesAsync()).ShouldBe([("ann", 1)]);

        var before = await Db.QueueAsync("ann", Lane.Urgent);
        await instance.DispatchAsync();

        (await Db.StatusOfAsync(before)).ShouldBe("sent");
        await Service.WorkUntilNothingWaitsAsync();
        (await Db.QueryAsync<Guid>("SELECT id FROM messages ORDER BY created_at")).ShouldBe([before, leased, behind]);
    }

    [Fact]
    public async Task A_hand_that_is_free_takes_the_next_in_line_in_order()
    {
        var users = await QueueACrowdAsync(20);

        await Service.DispatchAndRenderAsync();

        Model.Requests.Select(EventOf).ShouldBe(users);
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(20);
    }

    [Fact]
    public async Task Of_those_in_line_the_best_lane_goes_first()
    {
        await QueueACrowdAsync(8);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        var urgent = await Service.QueueAsync("ann", """{"event": "user_99"}""", lane: Lane.Urgent);
        await instance.DispatchAsync();

        await instance.RenderAllAsync();

        EventOf(Model.Requests[4]).ShouldBe("user_99");
        (await Db.StatusOfAsync(urgent)).ShouldBe("sent");
    }

    [Fact]
    public async Task Who_stands_in_line_is_taken_by_another_instance_at_its_next_dispatch()
    {
        await QueueACrowdAsync(6);
        await Service.NewInstance().DispatchAsync();
        (await Db.SingleAsync<int>("SELECT count(render_claim)::int FROM message_queue")).ShouldBe(4);

        await Service.NewInstance().DispatchAsync();

        (await Db.SingleAsync<int>("SELECT count(render_claim)::int FROM message_queue")).ShouldBe(6);
    }

    [Fact]
    public async Task Who_stands_in_line_leaves_it_for_the_first_slot_where_a_rule_has_come_between()
    {
        await QueueACrowdAsync(4);
        var busy = Service.NewInstance();
        await busy.DispatchAsync();
        var id = await Service.QueueAsync("ann", Data);
        await busy.DispatchAsync();
        await Db.ExecuteAsync(
            "INSERT INTO user_message_budget (user_id, date, last_message_at) VALUES ('ann', '2025-10-15', @now)", new { now = Db.Now });

        (await Service.NewInstance().DispatchAsync()).Deferred.ShouldBe(1);

        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @id", new { id })).ShouldBe("cooldown");
        (await Db.ScheduledForAsync(id)).ShouldBe(Db.Now + Duration.FromSeconds(30));
    }

    [Fact]
    public async Task One_poisonous_message_in_the_line_fails_alone()
    {
        await QueueACrowdAsync(6);
        await Service.NewInstance().DispatchAsync();
        await Db.ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'not this one'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON message_queue FOR EACH ROW
              WHEN (NEW.render_claim IS NOT NULL AND NEW.user_id = 'user_14') EXECUTE FUNCTION refuse();
            """);

        await Service.NewInstance().DispatchAsync();

        (await Db.QueryAsync<(string, string, bool)>(
            "SELECT user_id, status, render_claim IS NOT NULL FROM message_queue WHERE user_id IN ('user_14', 'user_15') ORDER BY user_id"))
            .ShouldBe([("user_14", "failed", false), ("user_15", "queued", true)]);
    }

    [Fact]
    public async Task Who_stands_in_line_is_written_once_however_often_a_dispatch_comes_by()
    {
        await QueueACrowdAsync(60);
        await Db.ExecuteAsync(
            """
            CREATE TABLE lined_up (id uuid);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO lined_up VALUES (NEW.id); RETURN NEW; END $$;
            CREATE TRIGGER note AFTER UPDATE ON message_queue FOR EACH ROW
              WHEN (NEW.render_claim IS NULL AND NEW.scheduled_for = NEW.render_until) EXECUTE FUNCTION note();
            """);
        var instance = Service.NewInstance();
        for (var second = 0; second < 30; second += 5)
        {
            await instance.DispatchAsync();
            Db.Now += Duration.FromSeconds(5);
        }

        (await Db.SingleAsync<(int, int)>("SELECT count(*)::int, count(DISTINCT id)::int FROM lined_up")).Item2.ShouldBe(56);
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM lined_up")).ShouldBeLessThan(2 * 56, "hands as slow as they may be have come to half of them");
    }

    [Fact]
    public async Task Who_stands_in_line_expires_in_time()
    {
        await QueueACrowdAsync(4);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        var id = await Service.QueueAsync("ann", Data);
        await Db.ExecuteAsync("UPDATE message_queue SET expires_at = @then WHERE id = @id", new { id, then = Db.Now + Duration.FromSeconds(1) });
        await instance.DispatchAsync();
        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @id", new { id })).ShouldBe("rendering");

        Db.Now += Duration.FromSeconds(1);
        await instance.DispatchAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("expired");
    }

    [Fact]
    public async Task Dispatches_at_the_same_moment_lease_no_more_than_there_are_hands()
    {
        await QueueACrowdAsync(20);
        var instance = Service.NewInstance();

        await Task.WhenAll(Enumerable.Range(10, 20).Select(n => instance.Dispatcher.DispatchUserAsync($"user_{n}", TestContext.Current.CancellationToken)));

        (await Db.SingleAsync<int>("SELECT count(render_claim)::int FROM message_queue")).ShouldBe(4);
        instance.Backlog.Room.ShouldBe(0);
    }

    [Fact]
    public async Task A_lease_that_is_not_committed_keeps_no_hand()
    {
        await Service.QueueAsync("ann", Data);
        await Db.ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$;
            CREATE TRIGGER refuse BEFORE UPDATE ON message_queue FOR EACH ROW WHEN (NEW.render_claim IS NOT NULL) EXECUTE FUNCTION refuse();
            """);
        var instance = Service.NewInstance();

        await instance.DispatchAsync();

        instance.Backlog.Room.ShouldBe(4);
        (await instance.RenderNextAsync()).ShouldBeFalse();
    }

    [Theory]
    [InlineData("ClaimLine", "message_queue_line_idx")]
    [InlineData("IsAnybodyInLine", "message_queue_line_idx")]
    [InlineData("LoadLeasedMessages", "message_queue_leased_idx")]
    public async Task What_the_model_is_at_and_what_stands_in_line_is_found_among_any_number_of_waiting_rows(string statement, string index)
    {
        await Db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, reason)
            SELECT 'ann', 'agent', '{"content": "Hi"}', @then + n * interval '1 second', 'cooldown' FROM generate_series(1, 20000) AS n;
            ANALYZE message_queue
            """,
            new { then = Db.Now + Duration.FromHours(1) });
        await using var connection = await Db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync(Sql.Query("BoundTransaction"), new { lockTimeout = "1s" }, transaction);

        var plan = await connection.QueryAsync<string>(
            $"EXPLAIN {Sql.Query(statement)}",
            new { userIds = new[] { "ann" }, now = Db.Now, limit = 4, skippedUsers = Array.Empty<string>() }, transaction);

        string.Join('\n', plan.Where(line => line.Contains("message_queue_", StringComparison.Ordinal) && !line.Contains("sequence", StringComparison.Ordinal)))
            .ShouldContain(index);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_process_that_stops_gives_back_what_it_has_not_begun_and_what_it_is_at_in_one_statement(bool begun)
    {
        await QueueACrowdAsync(4);
        await Db.ExecuteAsync(
            """
            CREATE TABLE statements (n int);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO statements VALUES (1); RETURN NULL; END $$;
            """);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        await Db.ExecuteAsync("CREATE TRIGGER note AFTER UPDATE ON message_queue FOR EACH STATEMENT EXECUTE FUNCTION note()");
        Model.Answer = _ => new ModelAnswer.Hanging();
        using var stop = new CancellationTokenSource();
        if (!begun)
            await stop.CancelAsync();
        var loop = instance.Loop.RunAsync(stop.Token);
        if (begun)
            await Model.RequestsAsync(4);

        await stop.CancelAsync();
        await loop;

        (await Db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE render_claim IS NULL AND scheduled_for <= @now", new { Db.Now })).ShouldBe(4);
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM statements")).ShouldBe(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Who_stands_in_line_holds_nobody_back(int others)
    {
        for (var n = 0; n < 4; n++)
        {
            await Service.AddUserAsync($"user_{n}");
            await Service.QueueAsync($"user_{n}", Data);
        }

        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        await Service.QueueAsync("ann", Data);
        await instance.DispatchAsync();
        Db.Now += Duration.FromSeconds(1);
        for (var n = 0; n < others; n++)
            await Service.QueueAsync("ann", Offer);

        (await instance.DispatchAsync()).Delivered.ShouldBe(1);
    }

    [Fact]
    public async Task Without_the_key_what_stood_in_line_goes_out_as_it_is()
    {
        for (var n = 0; n < 200; n++)
        {
            await Service.AddUserAsync($"user_{n}");
            await Service.QueueAsync($"user_{n}", Data);
        }

        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "Hello");
        await Service.NewInstance().DispatchAsync();
        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @id", new { id })).ShouldBe("rendering");

        Db.Settings = Db.Settings with { Model = null };
        Db.Now += Duration.FromMinutes(5);
        await Db.DispatchAsync();
        (await Db.StatusOfAsync(id)).ShouldBe("sent");
    }

    [Fact]
    public async Task The_line_keeps_its_order_where_its_head_has_come_due_before_a_hand_is_free()
    {
        string[] users = [.. Enumerable.Range(10, 7).Select(n => $"user_{n}")];
        foreach (var user in users)
        {
            await Service.AddUserAsync(user);
            Db.Now += Duration.FromMilliseconds(1);
            await Service.QueueAsync(user, $$"""{"event": "{{user}}"}""");
        }

        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        Db.Now += Duration.FromMilliseconds(2600);
        await instance.DispatchAsync();
        await instance.RenderAllAsync();

        Model.Requests.Select(r => r.Data.Substring(r.Data.IndexOf("user_", StringComparison.Ordinal), 7)).ShouldBe(users);
    }

    [Fact]
    public async Task What_was_rescheduled_far_away_takes_no_present_slot()
    {
        var id = await Service.QueueAsync("ann", Data);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        await Db.ExecuteAsync("UPDATE message_queue SET scheduled_for = @then WHERE id = @id", new { id, then = Instant.FromUtc(2025, 12, 1, 17, 0) });
        await instance.RenderNextAsync();
        Db.Now += Duration.FromMinutes(1);
        await Service.QueueAsync("ann", Offer);
        await Service.QueueAsync("ann", Offer);

        (await instance.DispatchAsync()).Delivered.ShouldBe(1);
    }
}
