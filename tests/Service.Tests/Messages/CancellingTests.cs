using Orchestrator.Core;
using Orchestrator.Service.Http;
using Orchestrator.Service.Messages;
using Orchestrator.Service.Tests.Rendering;
using Orchestrator.Service.Tests.Sms;
using static Orchestrator.Service.Tests.AdoptedDatabase;

namespace Orchestrator.Service.Tests.Messages;

public sealed class CancellingTests(PostgresServer server) : IAsyncLifetime
{
    private Sending _sending = null!;

    private TestDatabase Db => _sending.Db;

    public async ValueTask InitializeAsync()
    {
        _sending = await Sending.CreateAsync(server);
        await Db.AddUsersAsync("ann");
    }

    public ValueTask DisposeAsync() => _sending.DisposeAsync();

    private async Task<CancelAnswer> CancelAsync(Guid id)
    {
        var (answer, problem) = await TryCancelAsync(id);
        problem.ShouldBeNull();
        return answer.ShouldNotBeNull();
    }

    private Task<(CancelAnswer? Answer, Problem? Problem)> TryCancelAsync(Guid id) =>
        Db.NewCancellation().CancelAsync(id, key: null, TestContext.Current.CancellationToken);

    private Task<int> CancelledInTrailAsync(Guid id) => Db.SingleAsync<int>(
        "SELECT count(*)::int FROM agent_actions_log WHERE context_id = @id AND action_type = 'message_cancelled'", new { id });

    [Fact]
    public async Task A_waiting_message_is_called_off_and_asking_again_gets_the_same_answer()
    {
        var id = await Db.ScheduledIdAsync(Some.Request("ann"));

        var answer = await CancelAsync(id);
        var at = Db.Now;
        Db.Now += Duration.FromMinutes(1);

        answer.ShouldBe(new CancelAnswer(id, "cancelled_by_caller", Reasons.CancelledByCallerSentence, at));
        (await CancelAsync(id)).ShouldBe(answer);
        (await CancelledInTrailAsync(id)).ShouldBe(1);
        (await Db.DispatchAsync()).Delivered.ShouldBe(0);
        (await TryCancelAsync(Guid.NewGuid())).Problem!.Code.ShouldBe("message_not_found");
    }

    [Fact]
    public async Task One_that_was_handed_over_is_called_off_before_its_request_goes_out_and_the_next_one_of_the_user_goes()
    {
        var id = await _sending.HandOverAsync("ann", "First");
        Db.Now += Duration.FromSeconds(30);
        var next = await _sending.HandOverAsync("ann", "Next");
        var sender = Db.NewSender(_sending.Provider);
        var claimed = await Db.NewLedger().ClaimToSendAsync(10, TestContext.Current.CancellationToken);
        claimed.ShouldHaveSingleItem();

        (await CancelAsync(id)).Status.ShouldBe("cancelled");
        await sender.HandleAsync(claimed[0], TestContext.Current.CancellationToken);
        await _sending.SendUntilNothingWaitsAsync();

        _sending.Twilio.Accepted.ShouldHaveSingleItem().Body.ShouldBe("Next");
        (await _sending.StatusOfAsync(id)).ShouldBe("cancelled");
        (await Db.StatusOfAsync(id)).ShouldBe("cancelled");
        (await _sending.StatusOfAsync(next)).ShouldBe("sent");
    }

    [Theory]
    [InlineData("sending")]
    [InlineData("sent")]
    [InlineData("delivered")]
    [InlineData("undelivered")]
    public async Task Once_a_request_has_gone_out_it_is_too_late(string smsStatus)
    {
        var id = await _sending.HandOverAsync("ann");
        await Db.ExecuteAsync("UPDATE messages SET status = @smsStatus", new { smsStatus });

        var problem = (await TryCancelAsync(id)).Problem.ShouldNotBeNull();

        (problem.Status, problem.Code).ShouldBe((409, "message_not_cancellable"));
        var state = problem.Message.ShouldBeOfType<MessageState>();
        (state.Status, state.Sms!.Status).ShouldBe(("sent", smsStatus));
        (await CancelledInTrailAsync(id)).ShouldBe(0);
    }

    [Theory]
    [InlineData("failed")]
    [InlineData("expired")]
    [InlineData("superseded")]
    public async Task What_has_ended_otherwise_stays_so(string status)
    {
        var id = await Db.QueueAsync("ann");
        await Db.ExecuteAsync("UPDATE message_queue SET status = @status", new { status });

        (await TryCancelAsync(id)).Problem!.Message.ShouldBeOfType<MessageState>().Status.ShouldBe(status);
    }

    [Fact]
    public async Task The_rest_of_a_waiting_sequence_goes_with_it()
    {
        var first = await Db.ScheduledIdAsync(Some.Request("ann") with { Following = ["""{"content":"two"}""", """{"content":"three"}"""] });
        var ids = await Db.QueryAsync<Guid>("SELECT id FROM message_queue ORDER BY sequence_position");

        await CancelAsync(ids[1]);

        (await Db.QueryAsync<(string, string)>("SELECT status, reason FROM message_queue ORDER BY sequence_position"))
            .ShouldBe([("cancelled", "sequence_broken"), ("cancelled", "cancelled_by_caller"), ("cancelled", "sequence_broken")]);
        (await CancelAsync(first)).Code.ShouldBe("sequence_broken");
    }

    [Fact]
    public async Task Of_a_sequence_that_was_handed_over_what_was_sent_stays_and_the_rest_goes_with_it()
    {
        await Db.ScheduledIdAsync(Some.Request("ann") with { Lane = Lane.Urgent, Following = ["""{"content":"two"}""", """{"content":"three"}"""] });
        var ids = await Db.QueryAsync<Guid>("SELECT id FROM message_queue ORDER BY sequence_position");
        await Db.ExecuteAsync("UPDATE messages SET status = 'delivered' WHERE id = @id", new { id = ids[0] });

        await CancelAsync(ids[1]);

        (await Db.QueryAsync<string>("SELECT status FROM message_queue ORDER BY sequence_position")).ShouldBe(["sent", "cancelled", "cancelled"]);
        (await Db.QueryAsync<string>("SELECT status FROM messages ORDER BY created_at")).ShouldBe(["delivered", "cancelled", "cancelled"]);
        (await CancelledInTrailAsync(ids[2])).ShouldBe(1);
    }

    [Fact]
    public async Task Twenty_requests_at_once_for_one_message_get_one_answer_and_leave_one_entry_whatever_dispatches_meanwhile()
    {
        for (var round = 0; round < 5; round++)
        {
            var user = $"user_{round}";
            await Db.AddUsersAsync(user);
            var id = await Db.QueueAsync(user);

            var requests = Enumerable.Range(0, 20).Select(_ => Task.Run(() => CancelAsync(id))).ToList();
            var dispatches = Enumerable.Range(0, 4).Select(_ => Task.Run(() => Db.DispatchAsync())).ToList();
            var answers = await Task.WhenAll(requests);
            await Task.WhenAll(dispatches);

            answers.Distinct().ShouldHaveSingleItem().Code.ShouldBe("cancelled_by_caller");
            (await CancelledInTrailAsync(id)).ShouldBe(1);
            (await Db.QueryAsync<string>("SELECT status FROM messages WHERE id = @id", new { id })).ShouldAllBe(status => status == "cancelled");
            (await Db.StatusOfAsync(id)).ShouldBe("cancelled");
        }
    }

    [Fact]
    public async Task Of_cancelling_and_sending_at_the_same_moment_exactly_one_comes_first()
    {
        var ids = new List<Guid>();
        for (var i = 0; i < 40; i++)
        {
            await Db.AddUsersAsync($"user_{i}");
            ids.Add(await _sending.HandOverAsync($"user_{i}", $"To {i}"));
        }

        var sending = Enumerable.Range(0, 3).Select(_ => Task.Run(() => _sending.SendAsync())).ToList();
        var outcomes = await Task.WhenAll(Enumerable.Reverse(ids).Select(id => Task.Run(async () => (Id: id, Outcome: await TryCancelAsync(id)))));
        await Task.WhenAll(sending);
        await _sending.SendUntilNothingWaitsAsync();

        var sent = _sending.Twilio.Accepted.Select(s => s.Body).ToHashSet();
        foreach (var (id, (answer, problem)) in outcomes)
        {
            sent.Contains($"To {ids.IndexOf(id)}").ShouldBe(answer is null);
            if (answer is null)
                problem!.Code.ShouldBe("message_not_cancellable");
            (await Db.StatusOfAsync(id)).ShouldBe(answer is null ? "sent" : "cancelled");
        }

        (await Db.SingleAsync<int>("SELECT count(*)::int FROM sms_turns WHERE message_id IS NOT NULL")).ShouldBe(0);
    }

    [Fact]
    public async Task What_a_model_says_late_of_a_message_that_was_cancelled_meanwhile_counts_for_nothing()
    {
        await using var rendering = await RenderingService.CreateAsync(server);
        await rendering.AddUserAsync("ann");
        var id = await rendering.QueueAsync("ann", """{"kind":"intro"}""");
        var instance = rendering.NewInstance();
        await instance.DispatchAsync();
        var answered = rendering.Model.Answer;
        (CancelAnswer? Answer, Problem? Problem) cancelled = default;
        rendering.Model.Answer = request =>
        {
            // In the middle of the call.
            cancelled = rendering.Db.NewCancellation().CancelAsync(id, key: null, CancellationToken.None).GetAwaiter().GetResult();
            return answered(request);
        };

        await instance.RenderNextAsync();

        cancelled.Answer.ShouldNotBeNull();
        rendering.Model.Answer = answered;
        rendering.Db.Now += Duration.FromHours(1);
        await rendering.DispatchAndRenderAsync();
        (await rendering.Db.SingleAsync<(string, string, string?, Guid?)>("SELECT status, reason, final_message, render_claim FROM message_queue"))
            .ShouldBe(("cancelled", "cancelled_by_caller", null, null));
        (await rendering.Db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE direction = 'outbound'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_pending_row_that_another_program_is_taking_is_theirs()
    {
        var id = await _sending.HandOverAsync("ann");
        await using var connection = await Db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var theirs = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await Dapper.SqlMapper.ExecuteAsync(connection, "UPDATE messages SET status = 'taken' WHERE id = @id AND status = 'pending'", new { id });

        var cancelling = TryCancelAsync(id);
        await Db.UntilSomebodyWaitsForALockAsync();
        await theirs.CommitAsync(TestContext.Current.CancellationToken);

        (await cancelling).Problem!.Message.ShouldBeOfType<MessageState>().Sms!.Status.ShouldBe("taken");
        (await Db.StatusOfAsync(id)).ShouldBe("sent");
    }

    [Fact]
    public async Task On_an_adopted_database_too()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        await new Service.Postgres.Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);

        (await adopted.NewCancellation().CancelAsync(AnnsQueued, key: null, TestContext.Current.CancellationToken)).Answer!.Code.ShouldBe("cancelled_by_caller");
        (await adopted.NewChanges().ChangeAsync(
            EvesForTomorrow, new ChangeRequest { Fields = ["priority"], Lane = Lane.High }, TestContext.Current.CancellationToken)).Answer!.ScheduledFor
            .ShouldBe(Instant.FromUtc(2025, 10, 16, 16, 0));
        (await adopted.NewCancellation().CancelAsync(BobsApproved, key: null, TestContext.Current.CancellationToken)).Answer.ShouldNotBeNull();
    }
}
