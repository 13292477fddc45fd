using Orchestrator.Core;
using Orchestrator.Fakes;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>What a failing model, a failing log and a failing message cost.</summary>
public sealed class RenderingFaultTests(PostgresServer server) : RenderingTests(server)
{
    private async Task QueueACrowdAsync(int size)
    {
        for (var n = 0; n < size; n++)
        {
            await Service.AddUserAsync($"user_{n}");
            await Service.QueueAsync($"user_{n}", Data);
        }
    }

    [Fact]
    public async Task The_finished_messages_of_a_sequence_are_not_asked_about_again_when_a_later_one_fails()
    {
        await Db.ScheduleAsync(
            Some.Request("ann") with { MessageData = Data, Following = [Data, Data, """{"event": "poison"}"""], HasContent = false, Lane = Lane.High });
        Model.Answer = request => ModelAnswer.Sms(request.Data.Contains("poison", StringComparison.Ordinal) ? "" : "Fine.");

        await Service.WorkUntilNothingWaitsAsync();

        Model.Requests.Count.ShouldBe(3 + 4, "three once, and the last four times");
    }

    [Fact]
    public async Task Messages_that_are_not_acceptable_themselves_leave_the_model_to_others()
    {
        await QueueACrowdAsync(6);
        var large = $$"""{"content": "{{new string('x', 25_000)}}"}""";
        for (var n = 0; n < 6; n++)
        {
            await Service.AddUserAsync($"large_{n}");
            await Service.QueueAsync($"large_{n}", large, fresh: true);
            await Service.WritesAsync($"large_{n}", "Hello?");
        }

        var instance = Service.NewInstance();
        Model.Answer = _ => ModelAnswer.Fails(400, "invalid_request_error");
        await instance.DispatchAsync();
        await instance.RenderAllAsync();
        Model.Answer = _ => ModelAnswer.Sms("All is well.");
        var id = await Service.QueueAsync("ann", Data);
        await instance.DispatchAsync();
        await instance.RenderAllAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("All is well.");
    }

    [Fact]
    public async Task A_message_that_is_too_long_to_be_put_before_the_model_says_nothing_of_it()
    {
        Model.Answer = _ => ModelAnswer.Fails(529, "overloaded_error");
        var instance = Service.NewInstance();
        await QueueACrowdAsync(4);
        await WorkAsync();
        await Service.QueueAsync("ann", $$"""{"event": "{{new string('x', 25_000)}}"}""");
        await WorkAsync();
        foreach (var user in (string[])["bob", "cyd"])
        {
            await Service.AddUserAsync(user);
            await Service.QueueAsync(user, Data);
            await WorkAsync();
        }

        Model.Requests.Count.ShouldBe(5, "bob's is the fifth in a row that fails, and cyd's waits");

        async Task WorkAsync()
        {
            await instance.DispatchAsync();
            await instance.RenderAllAsync();
        }
    }

    [Fact]
    public async Task While_the_model_is_left_alone_messages_wait_for_it_without_an_attempt()
    {
        await QueueACrowdAsync(8);
        Model.Answer = _ => ModelAnswer.Fails(529, "overloaded_error");
        var instance = Service.NewInstance();

        await instance.DispatchAsync();
        await instance.RenderAllAsync();

        Model.Requests.Count.ShouldBe(5);
        (await Db.SingleAsync<(int, int)>(
            "SELECT count(*) FILTER (WHERE reason = 'model_unavailable')::int, sum(render_attempts)::int FROM message_queue")).ShouldBe((8, 5));

        Model.Answer = _ => ModelAnswer.Sms("Back again.");
        Service.Pass(Duration.FromSeconds(10));
        await instance.DispatchAsync();
        await instance.RenderAllAsync();
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(8);
        (await Db.SingleAsync<int>("SELECT max(render_attempts) FROM message_queue")).ShouldBe(0);
    }

    [Fact]
    public async Task A_model_that_answers_nobody_for_five_minutes_is_waited_for_no_longer_and_messages_go_out_as_they_are()
    {
        await QueueACrowdAsync(12);
        Model.Answer = _ => ModelAnswer.Fails(529, "overloaded_error");
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        await instance.RenderAllAsync();
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I like boats");
        var queued = Db.Now;

        while (await Db.StatusOfAsync(id) == "queued" && Db.Now - queued < Duration.FromMinutes(10))
        {
            Service.Pass(Duration.FromSeconds(10));
            await instance.DispatchAsync();
            await instance.RenderAllAsync();
        }

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
        (await Service.CodesOfAsync(id)).ShouldContain("relevance_unknown");
        (Db.Now - queued).ShouldBeInRange(Duration.FromMinutes(4.5), Duration.FromMinutes(7.5), "it may have been asked about itself, and wait two minutes after that");
        Model.Requests.Count.ShouldBeLessThan(5 + 40, "one call after each rest");
    }

    [Theory]
    [InlineData(20)]
    [InlineData(120)]
    public async Task A_burst_beyond_the_providers_rate_is_written_in_the_end(int size)
    {
        await QueueACrowdAsync(size);
        var answered = new List<Instant>();
        Model.Answer = _ =>
        {
            lock (answered)
            {
                if (answered.Count(at => at > Db.Now - Duration.FromMinutes(1)) >= 10)
                    return ModelAnswer.Fails(429, "rate_limit_error", retryAfterSeconds: 20);
                answered.Add(Db.Now);
                return ModelAnswer.Sms("Fine.");
            }
        };
        var instance = Service.NewInstance();
        for (var start = Db.Now; Db.Now - start < Duration.FromMinutes(30); Service.Pass(Duration.FromSeconds(10)))
        {
            await instance.DispatchAsync();
            await instance.RenderAllAsync();
            if (await Db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE status = 'queued'") == 0)
                break;
        }

        (await Db.QueryAsync<(string, int)>("SELECT status, count(*)::int FROM message_queue GROUP BY 1")).ShouldBe([("sent", size)]);
    }

    [Fact]
    public async Task Time_in_line_is_no_time_for_which_the_model_failed()
    {
        var id = await Service.QueueAsync("ann", Data);
        Model.Answer = _ => ModelAnswer.Fails(529, "overloaded_error");
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        await instance.RenderAllAsync();
        await QueueACrowdAsync(4);
        Service.Pass(Duration.FromSeconds(1));
        await instance.DispatchAsync();
        Service.Pass(Duration.FromSeconds(4));
        await instance.DispatchAsync();
        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @id", new { id })).ShouldBe("rendering");
        Service.Pass(Duration.FromMinutes(6));
        await instance.RenderAllAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("queued");
    }

    [Fact]
    public async Task A_message_that_failed_before_the_night_has_its_tries_again_in_the_morning()
    {
        var id = await Service.QueueAsync("ann", Data);
        Model.Answer = _ => ModelAnswer.Fails(529, "overloaded_error");
        Db.Now = Instant.FromUtc(2025, 10, 16, 1, 57); // 21:57 in New York
        for (var n = 0; n < 3; n++)
        {
            await Service.DispatchAndRenderAsync();
            Db.Now = await Db.ScheduledForAsync(id);
        }

        Db.Now = Instant.FromUtc(2025, 10, 16, 2, 1);
        await Service.DispatchAndRenderAsync();
        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @id", new { id })).ShouldBe("quiet_hours");

        Db.Now = await Db.ScheduledForAsync(id);
        await Service.DispatchAndRenderAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("queued");
    }

    [Fact]
    public async Task A_log_that_takes_no_row_costs_the_row_and_not_what_the_model_said()
    {
        await Db.ExecuteAsync("ALTER TABLE agent_actions_log ADD CONSTRAINT no CHECK (action_type <> 'message_written')");
        var id = await Service.QueueAsync("ann", Data);

        await Service.DispatchAndRenderAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Hello from the model.");
        Model.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("ALTER TABLE agent_actions_log ADD CONSTRAINT no CHECK (action_type <> 'message_superseded')")]
    [InlineData("CREATE TABLE agent_tasks (task_type text REFERENCES users (id) DEFERRABLE INITIALLY DEFERRED)")]
    public async Task A_stale_message_is_not_delivered_where_its_trail_or_a_task_is_refused(string mishap)
    {
        await Db.ExecuteAsync(mishap);
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I have booked it myself");
        Model.Answer = _ => ModelAnswer.Verdict("STALE", "The boat is booked.");

        await Service.DispatchAndRenderAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("superseded");
        Model.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_message_without_a_text_that_is_queued_late_in_an_outage_has_its_tries_all_the_same()
    {
        await QueueACrowdAsync(8);
        Model.Answer = _ => ModelAnswer.Fails(529, "overloaded_error");
        var instance = Service.NewInstance();
        for (var n = 0; n < 33; n++)
        {
            await instance.DispatchAsync();
            await instance.RenderAllAsync();
            Service.Pass(Duration.FromSeconds(10));
        }

        await instance.DispatchAsync();
        await instance.RenderAllAsync();
        var id = await Service.QueueAsync("ann", Data);
        await instance.DispatchAsync();
        await instance.RenderAllAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("queued");
    }

    [Fact]
    public async Task A_table_of_tasks_that_takes_too_long_is_given_up_and_the_verdict_stands()
    {
        await Db.ExecuteAsync(
            """
            CREATE TABLE agent_tasks (task_type text);
            CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
            CREATE TRIGGER dawdle BEFORE INSERT ON agent_tasks FOR EACH ROW EXECUTE FUNCTION dawdle()
            """);

        (await Db.SingleAsync<bool>(
            "SET statement_timeout = '100ms'; SELECT request_reformulation(gen_random_uuid(), 'ann', 'concierge', 'The boat is booked.', now())")).ShouldBeFalse();
    }

    [Fact]
    public async Task A_message_that_the_service_itself_stumbles_over_is_given_up_like_one_that_the_model_failed_for()
    {
        await Db.ExecuteAsync("ALTER TABLE messages ALTER content DROP NOT NULL");
        var judged = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.AddUserAsync("bob");
        var written = await Service.QueueAsync("bob", Data);
        foreach (var user in (string[])["ann", "bob"])
            await Service.WritesAsync(user, text: null);

        await Service.WorkUntilNothingWaitsAsync();

        (await Service.DeliveredTextAsync(judged)).ShouldBe("Shall I book the boat for you?");
        (await Db.SingleAsync<(string, string)>("SELECT status, reason FROM message_queue WHERE id = @written", new { written })).ShouldBe(("failed", "not_rendered"));
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM agent_actions_log WHERE context_id = @written AND action_type = 'message_deferred'", new { written }))
            .ShouldBe(3);
    }

    [Fact]
    public async Task What_the_model_said_is_recorded_in_a_transaction_that_waits_for_nothing_long()
    {
        await Db.ExecuteAsync(
            """
            CREATE TABLE bounds (setting text);
            CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
              INSERT INTO bounds SELECT current_setting(name)
              FROM unnest('{lock_timeout,statement_timeout,idle_in_transaction_session_timeout}'::text[]) AS name;
              RETURN NEW;
            END $$;
            CREATE TRIGGER note AFTER UPDATE OF final_message ON message_queue FOR EACH ROW EXECUTE FUNCTION note();
            """);
        await Service.QueueAsync("ann", Data);

        await Service.DispatchAndRenderAsync();

        (await Db.QueryAsync<string>("SELECT setting FROM bounds")).ShouldBe(["5s", "8s", "5s"]);
    }
}
