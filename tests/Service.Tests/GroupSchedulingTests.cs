using System.Text.Json;
using Dapper;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

/// <summary>Single requests that come at once are stored together, and nobody can tell by the answers.</summary>
public sealed class GroupSchedulingTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private static Guid Id(ScheduleOutcome outcome) =>
        JsonDocument.Parse(outcome.ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement.GetProperty("messageId").GetGuid();

    private static Task<ScheduleOutcome> ScheduleAsync(GroupScheduler scheduler, ScheduleRequest request, string? key = null) =>
        scheduler.ScheduleAsync(request, key, dryRun: false, TestContext.Current.CancellationToken);

    /// <summary>Keeps everybody from looking at users, and so from storing, until they are let go.</summary>
    private async Task<NpgsqlConnection> HoldEverybodyAsync()
    {
        var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
        return connection;
    }

    private static async Task LetGoAsync(NpgsqlConnection held)
    {
        await held.ExecuteAsync("COMMIT");
        await held.DisposeAsync();
    }

    [Fact]
    public async Task What_comes_while_others_are_being_stored_is_stored_together_and_each_caller_gets_the_answer_for_its_own()
    {
        await _db.AddUsersAsync(Enumerable.Range(0, 200).Select(i => $"user_{i}"));
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        var first = ScheduleAsync(scheduler, Some.Request("user_0"));
        await _db.UntilSomebodyWaitsForALockAsync();

        var requests = Enumerable.Range(1, 199).Select(i => ScheduleAsync(scheduler, Some.Request($"user_{i}"))).Prepend(first).ToList();
        requests.ShouldAllBe(request => !request.IsCompleted, "nobody is answered before the commit");
        await LetGoAsync(held);
        var outcomes = await Task.WhenAll(requests);

        var users = (await _db.QueryAsync<(Guid Id, string User)>("SELECT id, user_id FROM message_queue")).ToDictionary(row => row.Id, row => row.User);
        outcomes.Select(outcome => users[Id(outcome)]).ShouldBe(Enumerable.Range(0, 200).Select(i => $"user_{i}"));
        // The first, what a second writer found when a hundred were waiting, and all the rest.
        (await _db.SingleAsync<int>("SELECT count(DISTINCT xmin::text)::int FROM message_queue")).ShouldBeLessThanOrEqualTo(4);
    }

    [Fact]
    public async Task Where_very_many_wait_another_group_is_stored_meanwhile()
    {
        await _db.AddUsersAsync("ann", "bob");
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        var first = ScheduleAsync(scheduler, Some.Request("ann"));
        await _db.UntilSomebodyWaitsForALockAsync();

        List<Task<ScheduleOutcome>> many = [.. Enumerable.Range(0, 120).Select(_ => ScheduleAsync(scheduler, Some.Request("bob")))];
        await _db.UntilSomebodyWaitsForALockAsync(transactions: 2);
        await LetGoAsync(held);

        (await Task.WhenAll([first, .. many])).Select(Id).Distinct().Count().ShouldBe(121);
    }

    [Fact]
    public async Task One_bad_request_spoils_none_of_those_it_came_with()
    {
        await _db.AddUsersAsync("ann", "bob");
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        var first = ScheduleAsync(scheduler, Some.Request("ann"));
        await _db.UntilSomebodyWaitsForALockAsync();
        var second = ScheduleAsync(scheduler, Some.Request("bob"));

        var unknown = ScheduleAsync(scheduler, Some.Request("nobody"));
        var unstorable = ScheduleAsync(scheduler, Some.Request("bob") with { MessageData = """{"content": "x", "n": 1e999999}""" });
        var good = ScheduleAsync(scheduler, Some.Request("ann") with { Lane = Lane.Low });
        await LetGoAsync(held);

        (await unknown).ShouldBeOfType<ScheduleOutcome.Refused>().Problem.Code.ShouldBe("user_not_found");
        (await unstorable).ShouldBeOfType<ScheduleOutcome.Refused>().Problem.Code.ShouldBe("invalid_request");
        Guid[] stored = [Id(await first), Id(await second), Id(await good)];
        (await _db.QueryAsync<Guid>("SELECT id FROM message_queue")).ShouldBe(stored, ignoreOrder: true);
    }

    [Fact]
    public async Task Of_requests_with_one_key_that_come_at_once_one_is_stored_and_all_are_answered_alike()
    {
        await _db.AddUsersAsync("ann");
        var scheduler = _db.NewGroupScheduler();

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => ScheduleAsync(scheduler, Some.Request("ann"), key: "k")));

        outcomes.Select(Id).Distinct().ShouldHaveSingleItem();
        outcomes.Cast<ScheduleOutcome.Answered>().Count(answer => !answer.Replayed).ShouldBe(1);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue")).ShouldBe(1);
    }

    [Fact]
    public async Task Messages_of_one_user_that_are_stored_together_get_successive_slots()
    {
        await _db.AddUsersAsync("ann", "bob", "cy");
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        var first = ScheduleAsync(scheduler, Some.Request("ann"));
        await _db.UntilSomebodyWaitsForALockAsync();

        Task<ScheduleOutcome>[] together = [.. Enumerable.Range(0, 3).Select(_ => ScheduleAsync(scheduler, Some.Request("cy") with { Lane = Lane.High }))];
        await LetGoAsync(held);
        await Task.WhenAll([first, .. together]);

        (await _db.QueryAsync<Instant>("SELECT scheduled_for FROM message_queue WHERE user_id = 'cy' ORDER BY id"))
            .ShouldBe([_db.Now, _db.Now + Duration.FromSeconds(30), _db.Now + Duration.FromSeconds(60)]);
    }

    [Fact]
    public async Task The_trail_names_the_key_of_each_and_of_nobody_else()
    {
        await _db.AddUsersAsync("ann", "bob", "cy");
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        var first = ScheduleAsync(scheduler, Some.Request("ann") with { ScheduledBy = "concierge" });
        await _db.UntilSomebodyWaitsForALockAsync();
        Task<ScheduleOutcome>[] others = [.. Enumerable.Range(0, 4).SelectMany(_ => (Task<ScheduleOutcome>[])
            [ScheduleAsync(scheduler, Some.Request("bob") with { ScheduledBy = "innovator" }), ScheduleAsync(scheduler, Some.Request("cy"))])];
        await LetGoAsync(held);
        await Task.WhenAll([first, .. others]);

        (await _db.QueryAsync<(string, string, int)>(
            "SELECT user_id, output_data ->> 'key', count(*)::int FROM agent_actions_log WHERE action_type = 'message_queued' GROUP BY 1, 2 ORDER BY 1"))
            .ShouldBe([("ann", "concierge", 1), ("bob", "innovator", 4)]);
    }

    [Fact]
    public async Task Each_message_keeps_the_trace_of_its_own_request()
    {
        await _db.AddUsersAsync("ann", "bob");
        var scheduler = _db.NewGroupScheduler();
        const string Trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        var held = await HoldEverybodyAsync();
        var first = ScheduleAsync(scheduler, Some.Request("ann"));
        await _db.UntilSomebodyWaitsForALockAsync();
        var traced = ScheduleAsync(scheduler, Some.Request("bob") with { Traceparent = Trace });
        await LetGoAsync(held);
        await first;

        var id = Id(await traced);
        (await _db.QueryAsync<(Guid, string)>("SELECT message_id, traceparent FROM message_traces")).ShouldBe([(id, Trace)]);
    }

    [Fact]
    public async Task A_caller_who_leaves_takes_nobody_along()
    {
        await _db.AddUsersAsync("ann", "bob");
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        using var leaving = new CancellationTokenSource();
        var left = scheduler.ScheduleAsync(Some.Request("ann"), key: null, dryRun: false, leaving.Token);
        await _db.UntilSomebodyWaitsForALockAsync();
        var stays = ScheduleAsync(scheduler, Some.Request("bob"));
        await leaving.CancelAsync();
        await LetGoAsync(held);

        await Should.ThrowAsync<OperationCanceledException>(() => left);
        Id(await stays).ShouldNotBe(Guid.Empty);
    }

    [Fact]
    public async Task What_is_waiting_for_a_caller_who_has_left_is_not_begun()
    {
        await _db.AddUsersAsync("ann", "bob");
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        var first = ScheduleAsync(scheduler, Some.Request("ann"));
        await _db.UntilSomebodyWaitsForALockAsync();
        using var leaving = new CancellationTokenSource();
        var left = scheduler.ScheduleAsync(Some.Request("bob"), key: null, dryRun: false, leaving.Token);
        await leaving.CancelAsync();
        await LetGoAsync(held);
        await first;
        await ScheduleAsync(scheduler, Some.Request("ann"));

        await Should.ThrowAsync<OperationCanceledException>(() => left);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id = 'bob'")).ShouldBe(0);
    }

    [Fact]
    public async Task A_user_whom_another_program_holds_keeps_nobody_else_waiting()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        await new Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        var users = await adopted.QueryAsync<string>("INSERT INTO users (id, phone_number) SELECT gen_random_uuid(), '+1555555010' || i FROM generate_series(1, 20) AS i RETURNING id::text");
        var scheduler = adopted.NewGroupScheduler();
        await using var connection = await adopted.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("SELECT FROM users WHERE id = @id::external_id FOR UPDATE", new { id = users[7] }, transaction);

        var requests = users.Select(user => ScheduleAsync(scheduler, Some.Request(user))).ToList();

        // As many again for that user as would take every connection.
        var more = Enumerable.Range(0, 150).Select(_ => ScheduleAsync(scheduler, Some.Request(users[7]))).ToList();

        // All others are answered while the lock is still held, and the database can be asked.
        await Task.WhenAll(requests.Where((_, i) => i != 7)).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        requests[7].IsCompleted.ShouldBeFalse();
        await ScheduleAsync(scheduler, Some.Request(users[3])).WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        await transaction.RollbackAsync(TestContext.Current.CancellationToken);
        (await Task.WhenAll([requests[7], .. more])).Select(Id).Distinct().Count().ShouldBe(151);
    }

    [Fact]
    public async Task Where_the_database_is_out_of_reach_everybody_is_told_and_the_next_is_stored()
    {
        await _db.AddUsersAsync("ann");
        var scheduler = _db.NewGroupScheduler();
        var held = await HoldEverybodyAsync();
        var lost = Enumerable.Range(0, 5).Select(_ => ScheduleAsync(scheduler, Some.Request("ann"))).ToList();
        await _db.UntilSomebodyWaitsForALockAsync();
        await held.ExecuteAsync(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'");
        await LetGoAsync(held);

        // Those whose look was cut off are told; what came behind them may have been stored.
        var refused = (await Task.WhenAll(lost)).OfType<ScheduleOutcome.Refused>().ToList();
        refused.ShouldNotBeEmpty();
        refused.ShouldAllBe(refusal => refusal.Problem.Status == 503);
        Id(await ScheduleAsync(scheduler, Some.Request("ann"))).ShouldNotBe(Guid.Empty);
    }

    [Fact]
    public async Task Nobody_is_forgotten_however_the_comings_and_goings_fall_together()
    {
        await _db.AddUsersAsync("ann");
        var scheduler = _db.NewGroupScheduler();

        for (var round = 0; round < 300; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 1 + (round % 5)).Select(_ => Task.Run(
                    () => scheduler.ScheduleAsync(Some.Request("nobody"), key: null, dryRun: false, TestContext.Current.CancellationToken))))
                .WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        }
    }
}
