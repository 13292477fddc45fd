using Orchestrator.Core;
using Orchestrator.Service.Http;
using Orchestrator.Service.Messages;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Tests.Rendering;

namespace Orchestrator.Service.Tests.Messages;

public sealed class ChangingTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        await _db.AddUsersAsync("ann");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private static ChangeRequest To(Lane? lane = null, Given<Instant?>? scheduledFor = null, Given<Instant?>? expiresAt = null, string? content = null) => new()
    {
        Fields = ["priority"],
        Lane = lane,
        ScheduledFor = scheduledFor,
        ExpiresAt = expiresAt,
        MessageData = content is null ? null : $$"""{"content":"{{content}}"}""",
        HasContent = content is not null,
    };

    private static Given<Instant?> Given(Instant? time) => new(time);

    private async Task<ScheduleAnswer> ChangeAsync(Guid id, ChangeRequest request)
    {
        var (answer, problem) = await _db.NewChanges().ChangeAsync(id, request, TestContext.Current.CancellationToken);
        problem.ShouldBeNull();
        return answer.ShouldNotBeNull();
    }

    private async Task<Problem> RefusalAsync(Guid id, ChangeRequest request) =>
        (await _db.NewChanges().ChangeAsync(id, request, TestContext.Current.CancellationToken)).Problem.ShouldNotBeNull();

    private Task<Guid> ScheduleAsync(ScheduleRequest request) => _db.ScheduledIdAsync(request);

    private Task<IReadOnlyList<string>> TrailAsync(Guid id) => _db.QueryAsync<string>(
        "SELECT action_type || ' ' || (output_data->>'code') FROM agent_actions_log WHERE context_id = @id ORDER BY created_at, action_type", new { id });

    [Fact]
    public async Task A_new_time_holds_and_null_takes_it_back()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        var later = _db.Now + Duration.FromHours(2);

        var answer = await ChangeAsync(id, To(scheduledFor: Given(later)));

        (answer.Status, answer.ScheduledFor, answer.Code).ShouldBe(("queued", later, "not_before"));
        (await _db.DispatchAsync()).Delivered.ShouldBe(0);
        (await TrailAsync(id)).ShouldBe(["message_changed changed", "message_deferred not_before"]);

        _db.Now += Duration.FromMinutes(1);
        (await ChangeAsync(id, To(scheduledFor: Given(null)))).Code.ShouldBeNull();
        (await _db.NewReader().FindAsync(id, TestContext.Current.CancellationToken))!.NotBefore.ShouldBeNull();
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
    }

    [Fact]
    public async Task A_change_without_a_hold_does_not_become_a_time_asked_for_when_a_rule_holds_it_back_later()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        _db.Now += Duration.FromMinutes(1);
        await ChangeAsync(id, To(content: "Other"));
        await _db.ExecuteAsync("INSERT INTO user_message_budget (user_id, date, daily_limit) VALUES ('ann', '2025-10-15', 0)");
        await _db.DispatchAsync();

        var message = (await _db.NewReader().FindAsync(id, TestContext.Current.CancellationToken))!;
        (message.Code, message.NotBefore).ShouldBe(("daily_limit_reached", null));
    }

    [Fact]
    public async Task A_time_that_another_program_has_asked_for_survives_a_change_of_something_else()
    {
        var asked = _db.Now + Duration.FromHours(3);
        var id = await _db.QueueAsync("ann", Lane.High, scheduledFor: asked, createdAt: _db.Now);

        (await ChangeAsync(id, To(Lane.Medium))).ScheduledFor.ShouldBe(asked);

        (await _db.NewReader().FindAsync(id, TestContext.Current.CancellationToken))!.NotBefore.ShouldBe(asked);
    }

    [Fact]
    public async Task A_message_that_waits_for_its_best_hour_goes_now_when_its_lane_becomes_high()
    {
        await _db.ExecuteAsync("""UPDATE users SET response_pattern = '{"best_hours": [18]}'""");
        var id = await ScheduleAsync(Some.Request("ann"));
        (await _db.ScheduledForAsync(id)).ShouldBe(Instant.FromUtc(2025, 10, 15, 22, 0));

        (await ChangeAsync(id, To(Lane.High))).ScheduledFor.ShouldBe(_db.Now);
        (await _db.SingleAsync<bool>("SELECT best_at IS NULL FROM message_queue")).ShouldBeTrue();
        var back = await ChangeAsync(id, To(Lane.Low));

        (back.ScheduledFor, back.Code).ShouldBe((Instant.FromUtc(2025, 10, 15, 22, 0), "best_time"));
    }

    [Fact]
    public async Task The_answer_tells_the_slot_that_the_message_then_gets_among_the_others()
    {
        var first = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        var second = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        var third = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });

        // The oldest keeps its place, and one of a lower lane takes the slots that the others leave.
        (await ChangeAsync(first, To(content: "Other"))).ScheduledFor.ShouldBe(_db.Now);
        (await ChangeAsync(second, To(Lane.Medium))).ScheduledFor.ShouldBe(_db.Now + Duration.FromSeconds(30));
        var answer = await ChangeAsync(second, To(scheduledFor: Given(_db.Now + Duration.FromSeconds(45))));
        answer.ScheduledFor.ShouldBe(_db.Now + Duration.FromSeconds(90));

        var begin = _db.Now;
        for (var i = 0; i < 4; i++)
        {
            await _db.DispatchAsync();
            _db.Now += Duration.FromSeconds(30);
        }

        (await _db.QueryAsync<(Guid, Instant)>("SELECT id, created_at FROM messages ORDER BY created_at"))
            .ShouldBe([(first, begin), (third, begin + Duration.FromSeconds(60)), (second, answer.ScheduledFor)]);
    }

    [Fact]
    public async Task One_that_becomes_urgent_goes_out_inside_the_request()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { ScheduledFor = _db.Now + Duration.FromDays(1) });

        var answer = await ChangeAsync(id, To(Lane.Urgent, scheduledFor: Given(null), content: "Now"));

        answer.Status.ShouldBe("sent");
        (await _db.SingleAsync<string>("SELECT content FROM messages")).ShouldBe("Now");
    }

    [Fact]
    public async Task Expiry_is_changed_and_cleared_and_checked_against_the_time_that_stands()
    {
        var later = _db.Now + Duration.FromHours(2);
        var id = await ScheduleAsync(Some.Request("ann") with { ScheduledFor = later, ExpiresAt = later + Duration.FromHours(1) });

        (await RefusalAsync(id, To(expiresAt: Given(_db.Now)))).Errors!.ShouldContainKey("expiresAt");
        (await RefusalAsync(id, To(expiresAt: Given(later)))).Errors!.ShouldContainKey("expiresAt");
        (await RefusalAsync(id, To(scheduledFor: Given(later + Duration.FromHours(1))))).Errors!.ShouldContainKey("scheduledFor");
        (await TrailAsync(id)).ShouldBe(["message_deferred not_before"]);

        await ChangeAsync(id, To(expiresAt: Given(null)));
        (await _db.SingleAsync<bool>("SELECT expires_at IS NULL FROM message_queue")).ShouldBeTrue();
    }

    [Fact]
    public async Task A_message_that_has_left_the_queue_is_not_changed_and_its_state_is_told()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        await _db.DispatchAsync();

        var problem = await RefusalAsync(id, To(content: "Too late"));

        (problem.Status, problem.Code).ShouldBe((409, "message_not_changeable"));
        var state = problem.Message.ShouldBeOfType<MessageState>();
        (state.Id, state.Status, state.Sms!.Status).ShouldBe((id, "sent", "pending"));
        (await RefusalAsync(Guid.NewGuid(), To(Lane.High))).Code.ShouldBe("message_not_found");
        (await RefusalAsync(id, To() with { MessageData = "{}" })).Code.ShouldBe("model_not_configured");
    }

    [Fact]
    public async Task What_the_database_cannot_store_is_refused_and_nothing_changes()
    {
        var id = await ScheduleAsync(Some.Request("ann"));

        (await RefusalAsync(id, To() with { MessageData = """{"content":"x","n":1e400000}""", HasContent = true })).Status.ShouldBe(400);

        (await TrailAsync(id)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Lane_and_times_of_a_sequence_change_for_all_its_messages_and_words_for_one()
    {
        await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, Following = ["""{"content":"two"}"""] });
        var ids = await _db.QueryAsync<Guid>("SELECT id FROM message_queue ORDER BY sequence_position");
        var later = _db.Now + Duration.FromHours(2);

        (await ChangeAsync(ids[1], To(Lane.Low, scheduledFor: Given(later), content: "zwei"))).ScheduledFor.ShouldBe(later);

        (await _db.QueryAsync<(string, Instant, Instant, string)>(
            "SELECT priority, scheduled_for, not_before, message_text(message_data) FROM message_queue ORDER BY sequence_position"))
            .ShouldBe([("low", later, later, "Your intro request has been matched!"), ("low", later, later, "zwei")]);
        _db.Now = later;
        (await _db.DispatchAsync()).Delivered.ShouldBe(2);
        (await _db.QueryAsync<string>("SELECT content FROM messages ORDER BY created_at")).ShouldBe(["Your intro request has been matched!", "zwei"]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task What_a_model_says_late_of_a_message_that_was_changed_meanwhile_counts_for_nothing(bool changesContent)
    {
        await using var rendering = await RenderingService.CreateAsync(server);
        await rendering.AddUserAsync("ann");
        var id = await rendering.QueueAsync("ann", """{"kind":"intro"}""");
        var instance = rendering.NewInstance();
        await instance.DispatchAsync();
        var answered = rendering.Model.Answer;
        (ScheduleAnswer? Answer, Problem? Problem) change = default;
        rendering.Model.Answer = request =>
        {
            // In the middle of the call.
            change = rendering.Db.NewChanges().ChangeAsync(
                id, changesContent ? To(content: "My own words") : To(scheduledFor: Given(rendering.Db.Now + Duration.FromHours(1))),
                CancellationToken.None).GetAwaiter().GetResult();
            return answered(request);
        };

        await instance.RenderNextAsync();

        change.Answer.ShouldNotBeNull();
        rendering.Model.Answer = answered;
        (await rendering.Db.SingleAsync<(string?, Guid?, Instant)>("SELECT final_message, render_claim, scheduled_for FROM message_queue"))
            .ShouldBe((null, null, change.Answer.ScheduledFor));
        rendering.Db.Now = change.Answer.ScheduledFor;
        await rendering.DispatchAndRenderAsync();
        (await rendering.DeliveredTextAsync(id)).ShouldBe(changesContent ? "My own words" : "Hello from the model.");
    }

    [Fact]
    public async Task Words_that_a_model_has_written_or_judged_are_forgotten_with_the_content_they_were_made_of()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, ScheduledFor = _db.Now + Duration.FromHours(1) });
        await _db.ExecuteAsync("UPDATE message_queue SET final_message = 'Of old', judged_at = @now, render_attempts = 3, verdicts = 2", new { now = _db.Now });

        await ChangeAsync(id, To(Lane.Medium));
        (await _db.SingleAsync<(string?, int)>("SELECT final_message, render_attempts FROM message_queue")).ShouldBe(("Of old", 0), "with every change it has all its tries again");
        await ChangeAsync(id, To(content: "New"));

        (await _db.SingleAsync<(string?, Instant?, int, int)>("SELECT final_message, judged_at, render_attempts, verdicts FROM message_queue")).ShouldBe((null, null, 0, 0));
    }

    [Fact]
    public async Task Of_changes_and_dispatches_at_the_same_moment_each_message_goes_out_in_the_words_of_an_accepted_change_or_unchanged()
    {
        await _db.AddUsersAsync(Enumerable.Range(0, 60).Select(i => $"user_{i}"));
        var ids = new List<Guid>();
        for (var i = 0; i < 60; i++)
            ids.Add(await _db.QueueAsync($"user_{i}", content: "Old"));

        var changes = ids.Select(async id => (Id: id, Outcome: await _db.NewChanges().ChangeAsync(id, To(content: "New"), TestContext.Current.CancellationToken))).ToList();
        var dispatches = Enumerable.Range(0, 6).Select(_ => Task.Run(() => _db.DispatchAsync())).ToList();
        var outcomes = await Task.WhenAll(changes);
        await Task.WhenAll(dispatches);
        await _db.DispatchAsync();

        foreach (var (id, (answer, problem)) in outcomes)
        {
            (await _db.SingleAsync<string>("SELECT content FROM messages WHERE id = @id", new { id })).ShouldBe(answer is not null ? "New" : "Old");
            if (answer is null)
                problem!.Code.ShouldBe("message_not_changeable");
        }
    }

    [Fact]
    public async Task A_change_waits_for_the_dispatch_that_holds_the_message_and_then_sees_the_truth()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var dispatch = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await Dapper.SqlMapper.ExecuteAsync(connection, "SELECT FROM users WHERE id = 'ann' FOR NO KEY UPDATE");

        var change = _db.NewChanges().ChangeAsync(id, To(content: "New"), TestContext.Current.CancellationToken);
        await _db.UntilSomebodyWaitsForALockAsync();
        await Dapper.SqlMapper.ExecuteAsync(
            connection, "UPDATE message_queue SET status = 'sent', delivered_message_id = id, reason = 'delivered' WHERE id = @id", new { id });
        await dispatch.CommitAsync(TestContext.Current.CancellationToken);

        (await change).Problem!.Code.ShouldBe("message_not_changeable");
        (await _db.SingleAsync<string>("SELECT message_text(message_data) FROM message_queue")).ShouldNotBe("New");
    }

    [Fact]
    public async Task A_row_that_somebody_ends_by_hand_in_the_middle_of_a_change_stays_as_they_left_it()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High });
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var byHand = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await Dapper.SqlMapper.ExecuteAsync(connection, "UPDATE message_queue SET status = 'cancelled' WHERE id = @id", new { id });

        // It has not taken the user's turn, so the change sees the row waiting, and finds out when it comes to change it.
        var change = _db.NewChanges().ChangeAsync(id, To(content: "New"), TestContext.Current.CancellationToken);
        await _db.UntilSomebodyWaitsForALockAsync();
        await byHand.CommitAsync(TestContext.Current.CancellationToken);

        (await change).Problem!.Message.ShouldBeOfType<MessageState>().Status.ShouldBe("cancelled");
        (await TrailAsync(id)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Where_another_message_of_its_sequence_is_ended_by_hand_in_the_middle_the_change_is_made_all_the_same()
    {
        var id = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, Following = ["""{"content":"two"}"""] });
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var byHand = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await Dapper.SqlMapper.ExecuteAsync(connection, "UPDATE message_queue SET status = 'cancelled' WHERE id <> @id", new { id });

        var change = ChangeAsync(id, To(content: "New"));
        await _db.UntilSomebodyWaitsForALockAsync();
        await byHand.CommitAsync(TestContext.Current.CancellationToken);

        ((await change).Status, (await change).Code).ShouldBe(("queued", "sequence_broken"));
        (await _db.SingleAsync<string>("SELECT message_text(message_data) FROM message_queue WHERE id = @id", new { id })).ShouldBe("New");
        await _db.DispatchAsync();
        (await _db.StatusOfAsync(id)).ShouldBe("cancelled");
    }
}
