using Orchestrator.Core;
using Orchestrator.Fakes;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>Where the model stands in the life of a message.</summary>
public sealed class RenderingFlowTests(PostgresServer server) : RenderingTests(server)
{
    [Fact]
    public async Task A_message_with_content_goes_out_word_for_word_without_a_call()
    {
        var id = await Service.QueueAsync("ann", Offer);
        await Service.WritesAsync("ann", "Hello?");

        await Service.DispatchAndRenderAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
        Model.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_that_must_still_make_sense_goes_out_without_a_call_where_nothing_was_said_since()
    {
        await Service.WritesAsync("ann", "Before it was queued");
        Db.Now += Duration.FromSeconds(1);
        var id = await Service.QueueAsync("ann", Offer, fresh: true);

        await Service.DispatchAndRenderAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
        Model.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("inbound")]
    [InlineData("outbound")]
    public async Task What_was_said_since_it_was_queued_is_put_before_the_model_and_RELEVANT_goes_out_word_for_word(string direction)
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I like boats", direction);

        await Service.DispatchAndRenderAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
        var request = Model.Requests.ShouldHaveSingleItem();
        request.AsksForVerdict.ShouldBeTrue();
        foreach (var told in (string[])["I like boats", "Shall I book the boat for you?", "Sam", "They talked of boats."])
            request.Body.GetRawText().ShouldContain(told);
        (await Service.CodesOfAsync(id)).ShouldBe(["relevant", "delivered"]);
    }

    [Fact]
    public async Task CONTEXTUAL_goes_out_in_the_words_of_the_model()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "On Sunday then");
        Model.Answer = _ => ModelAnswer.Verdict("CONTEXTUAL", "The day is known now.", "Shall I book the boat for Sunday?");

        await Service.DispatchAndRenderAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for Sunday?");
        (await Db.SingleAsync<string>("SELECT final_message FROM message_queue")).ShouldBe("Shall I book the boat for Sunday?");
    }

    [Fact]
    public async Task STALE_is_never_delivered_and_its_agent_is_asked_for_other_words_where_there_is_a_table_to_ask_in()
    {
        await Db.ExecuteAsync("CREATE TABLE agent_tasks (id uuid DEFAULT gen_random_uuid(), task_type text NOT NULL, agent_type text, context_id uuid, context_json jsonb, status text)");
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I have booked it myself");
        Model.Answer = _ => ModelAnswer.Verdict("STALE", "The boat is booked.", "");

        await Service.DispatchAndRenderAsync();

        (await Db.SingleAsync<(string, string, string)>("SELECT status, superseded_reason, reason FROM message_queue")).ShouldBe(("superseded", "stale", "stale"));
        (await Service.DeliveredTextAsync(id)).ShouldBeNull();
        (await Service.CodesOfAsync(id)).ShouldBe(["stale", "stale"]);
        (await Db.SingleAsync<(string, string, Guid, string)>("SELECT task_type, agent_type, context_id, context_json->>'reason' FROM agent_tasks"))
            .ShouldBe(("reformulate_message", "concierge", id, "The boat is booked."));
    }

    [Fact]
    public async Task A_table_of_tasks_of_another_shape_changes_nothing()
    {
        await Db.ExecuteAsync("CREATE TABLE agent_tasks (id int PRIMARY KEY, task_type int NOT NULL)");
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I have booked it myself");
        Model.Answer = _ => ModelAnswer.Verdict("STALE", "The boat is booked.", "");

        await Service.DispatchAndRenderAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("superseded");
    }

    [Fact]
    public async Task A_message_without_content_is_written_once_and_its_cost_is_logged()
    {
        var id = await Service.QueueAsync("ann", Data);

        await Service.DispatchAndRenderAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Hello from the model.");
        Model.Requests.ShouldHaveSingleItem().AsksForVerdict.ShouldBeFalse();
        var (model, input, output, cost, latency) = await Db.SingleAsync<(string, int, int, decimal, int)>(
            "SELECT model_used, input_tokens, output_tokens, cost_usd, latency_ms FROM agent_actions_log WHERE action_type = 'message_written'");
        model.ShouldStartWith("claude");
        (input, output).ShouldSatisfyAllConditions(() => input.ShouldBeGreaterThan(0), () => output.ShouldBeGreaterThan(0));
        cost.ShouldBeGreaterThan(0);
        latency.ShouldBeGreaterThanOrEqualTo(0);
        (await Db.SingleAsync<(long, decimal)>("SELECT calls, cost_usd FROM model_spending")).ShouldBe((1L, cost));
    }

    [Fact]
    public async Task A_rule_is_asked_before_the_model_is()
    {
        var id = await Service.QueueAsync("ann", Data);
        Db.Now = Instant.FromUtc(2025, 10, 16, 3, 0); // 23:00 in New York

        await Service.DispatchAndRenderAsync();

        Model.Requests.ShouldBeEmpty();
        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @id", new { id })).ShouldBe("quiet_hours");
    }

    [Fact]
    public async Task A_message_is_decided_again_after_the_model_and_kept_back_with_its_text_where_a_rule_has_come_between()
    {
        var id = await Service.QueueAsync("ann", Data);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        await Db.ExecuteAsync("UPDATE users SET quiet_hours_start = '00:00', quiet_hours_end = '23:00'");

        await instance.RenderNextAsync();

        (await Db.SingleAsync<(string, string, string)>("SELECT status, reason, final_message FROM message_queue WHERE id = @id", new { id }))
            .ShouldBe(("queued", "quiet_hours", "Hello from the model."));
        await Db.ExecuteAsync("UPDATE users SET quiet_hours_start = NULL, quiet_hours_end = NULL; UPDATE message_queue SET scheduled_for = '2025-10-15'");
        await Service.DispatchAndRenderAsync();
        (await Service.DeliveredTextAsync(id)).ShouldBe("Hello from the model.");
        Model.Requests.Count.ShouldBe(1, "it is written once");
    }

    [Fact]
    public async Task What_the_user_writes_while_a_message_is_judged_is_judged_before_it_goes()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I like boats");
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        var gate = new TaskCompletionSource();
        Model.Answer = request => request.Body.GetRawText().Contains("booked it myself", StringComparison.Ordinal)
            ? ModelAnswer.Verdict("STALE", "The boat is booked.", "")
            : new ModelAnswer.Later(gate.Task, ModelAnswer.Verdict("RELEVANT", "They like boats.", ""));

        var rendering = instance.RenderNextAsync();
        await Model.RequestsAsync(1);
        await Service.WritesAsync("ann", "I have booked it myself");
        gate.SetResult();
        await rendering;
        (await Db.StatusOfAsync(id)).ShouldBe("queued", "it is judged again");
        await instance.RenderNextAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("superseded");
        Model.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_message_judged_once_is_not_judged_again_where_nobody_has_written()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I like boats");
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        await Db.ExecuteAsync(
            "INSERT INTO user_message_budget (user_id, date, last_message_at) VALUES ('ann', '2025-10-15', @now)", new { now = Db.Now });
        await instance.RenderNextAsync();
        (await Db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @id", new { id })).ShouldBe("cooldown");

        await Service.WorkUntilNothingWaitsAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
        Model.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_instance_that_is_gone_loses_its_lease_and_another_renders_and_what_the_first_says_late_counts_for_nothing()
    {
        var id = await Service.QueueAsync("ann", Data);
        var (first, second) = (Service.NewInstance(), Service.NewInstance());
        await first.DispatchAsync();
        var gate = new TaskCompletionSource();
        Model.Answer = _ => new ModelAnswer.Later(gate.Task, ModelAnswer.Sms("From the first."));
        var late = first.RenderNextAsync();
        await Model.RequestsAsync(1);

        (await second.DispatchAsync()).ShouldBe(default, "the lease holds");
        Db.Now += Duration.FromMinutes(5);
        Model.Answer = _ => ModelAnswer.Sms("From the second.");
        await second.DispatchAsync();
        await second.RenderNextAsync();
        gate.SetResult();
        await late;

        (await Service.DeliveredTextAsync(id)).ShouldBe("From the second.");
        (await Db.SingleAsync<string>("SELECT final_message FROM message_queue")).ShouldBe("From the second.");
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(1);
    }

    [Fact]
    public async Task A_message_called_off_while_it_is_rendered_stays_called_off()
    {
        var id = await Service.QueueAsync("ann", Data);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        Model.Answer = _ =>
        {
            Db.ExecuteAsync("UPDATE message_queue SET status = 'cancelled' WHERE id = @id", new { id }).GetAwaiter().GetResult();
            return ModelAnswer.Sms("Too late.");
        };

        await instance.RenderNextAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("cancelled");
        (await Service.DeliveredTextAsync(id)).ShouldBeNull();
    }

    public static TheoryData<string, ModelAnswer> Faults => new()
    {
        { "529", ModelAnswer.Fails(529, "overloaded_error") },
        { "500", ModelAnswer.Fails(500, "api_error") },
        { "dropped", new ModelAnswer.Dropped() },
        { "nonsense", new ModelAnswer.Said("no JSON at all") },
        { "overlong", ModelAnswer.Sms(new string('x', 2000)) },
        { "empty", ModelAnswer.Sms("") },
        { "refusal", ModelAnswer.Refusal },
    };

    [Theory]
    [MemberData(nameof(Faults), DisableDiscoveryEnumeration = true)]
    public async Task A_model_that_fails_is_asked_again_and_then_content_goes_out_as_it_is_and_data_alone_fails(string what, ModelAnswer fault)
    {
        var content = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.AddUserAsync("bob");
        var data = await Service.QueueAsync("bob", Data);
        await Service.WritesAsync("ann", "I like boats");
        Model.Answer = _ => fault;

        await Service.WorkUntilNothingWaitsAsync();

        (await Service.DeliveredTextAsync(content)).ShouldBe("Shall I book the boat for you?", what);
        (await Service.CodesOfAsync(content)).ShouldContain("relevance_unknown", what);
        (await Db.SingleAsync<(string, string)>("SELECT status, reason FROM message_queue WHERE id = @data", new { data })).ShouldBe(("failed", "not_rendered"), what);
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM agent_actions_log WHERE context_id = @data AND action_type = 'message_deferred'", new { data }))
            .ShouldBe(3, what);
    }

    [Fact]
    public async Task A_model_that_comes_back_in_time_is_heard_and_its_retry_after_is_heeded()
    {
        var id = await Service.QueueAsync("ann", Data);
        Model.Answer = _ => ModelAnswer.Fails(429, "rate_limit_error", retryAfterSeconds: 60);
        await Service.DispatchAndRenderAsync();
        (await Db.ScheduledForAsync(id)).ShouldBe(Db.Now + Duration.FromSeconds(60));
        Model.Answer = _ => ModelAnswer.Sms("Back again.");

        await Service.WorkUntilNothingWaitsAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Back again.");
    }

    [Fact]
    public async Task Without_a_model_content_goes_out_as_it_is_and_the_trail_says_that_nobody_judged_it()
    {
        Db.Settings = Db.Settings with { Model = null };
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        var quiet = await Service.QueueAsync("ann", Offer, fresh: true, Lane.Low);
        await Service.WritesAsync("ann", "I like boats");

        (await Db.DispatchAsync()).Delivered.ShouldBe(1);

        (await Service.CodesOfAsync(id)).ShouldBe(["delivered", "relevance_unknown"], ignoreOrder: true);
        (await Service.CodesOfAsync(quiet)).ShouldNotContain("relevance_unknown");
    }

    [Fact]
    public async Task Structured_data_is_refused_without_a_model_and_taken_with_one()
    {
        var request = Some.Request("ann") with { MessageData = Data, HasContent = false, Lane = Lane.High };
        var answer = (await Db.ScheduleAsync(request)).ShouldBeOfType<ScheduleOutcome.Answered>();
        answer.Json.ShouldContain("\"code\":\"rendering\"");

        Db.Settings = Db.Settings with { Model = null };
        (await Db.ScheduleAsync(request)).ShouldBeOfType<ScheduleOutcome.Refused>().Problem.Detail.ShouldNotBeNull().ShouldContain("ANTHROPIC_API_KEY");
    }

    [Fact]
    public async Task More_data_than_a_text_message_can_be_made_of_is_refused()
    {
        var request = Some.Request("ann") with { MessageData = $$"""{"text": "{{new string('x', 30_000)}}"}""", HasContent = false };

        (await Db.ScheduleAsync(request)).ShouldBeOfType<ScheduleOutcome.Refused>().Problem.Status.ShouldBe(400);
    }

    [Fact]
    public async Task A_crowd_that_needs_the_model_is_taken_as_its_hands_allow_and_delays_nobody_who_does_not()
    {
        string[] users = [.. Enumerable.Range(0, 30).Select(i => $"user_{i}")];
        foreach (var user in users)
        {
            await Service.AddUserAsync(user);
            await Service.QueueAsync(user, Data);
        }

        await Db.QueueAsync("ann");
        var instance = Service.NewInstance();

        (await instance.DispatchAsync()).Delivered.ShouldBe(1, "ann's");
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE render_claim IS NOT NULL")).ShouldBe(4, "one for each hand");
        await Service.WorkUntilNothingWaitsAsync();
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(31);
    }

    [Fact]
    public async Task The_messages_of_a_sequence_are_written_together_and_go_out_together()
    {
        await Db.ScheduleAsync(Some.Request("ann") with { MessageData = Data, Following = [Offer, Data], HasContent = false, Lane = Lane.High });
        var texts = new Queue<string>(["First.", "Third."]);
        Model.Answer = _ => ModelAnswer.Sms(texts.Dequeue());

        await Service.DispatchAndRenderAsync();

        (await Db.QueryAsync<string>("SELECT content FROM messages ORDER BY created_at, id")).ShouldBe(["First.", "Shall I book the boat for you?", "Third."]);
        Model.Requests.Count.ShouldBe(2);
    }

    [Fact]
    public async Task A_stale_message_takes_the_rest_of_its_sequence_with_it()
    {
        await Db.ScheduleAsync(Some.Request("ann") with { MessageData = Offer, Following = [Offer], RequiresFreshContext = true, Lane = Lane.High });
        await Service.WritesAsync("ann", "I have booked it myself");
        Model.Answer = _ => ModelAnswer.Verdict("STALE", "The boat is booked.", "");

        await Service.DispatchAndRenderAsync();

        (await Db.QueryAsync<string>("SELECT status FROM message_queue ORDER BY status")).ShouldBe(["cancelled", "superseded"]);
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE direction = 'outbound'")).ShouldBe(0);
    }

    [Fact]
    public async Task An_urgent_message_that_the_model_must_see_is_answered_as_queued_and_goes_when_it_is_ready()
    {
        var instance = Service.NewInstance();
        var scheduler = Db.NewScheduler(instance.Dispatcher);
        var request = Some.Request("ann") with { MessageData = Data, HasContent = false, Lane = Lane.Urgent };

        var outcome = await scheduler.ScheduleAsync(request, key: null, dryRun: false, TestContext.Current.CancellationToken);

        var answer = System.Text.Json.JsonDocument.Parse(outcome.ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;
        (answer.GetProperty("status").GetString(), answer.GetProperty("code").GetString()).ShouldBe(("queued", "rendering"));
        NodaTime.Text.InstantPattern.ExtendedIso.Parse(answer.GetProperty("scheduledFor").GetString()!).Value.ShouldBe(Db.Now);
        await instance.RenderNextAsync();
        (await Db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(1);
    }
}
