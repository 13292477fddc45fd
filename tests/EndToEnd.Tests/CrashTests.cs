using System.Collections.Concurrent;
using System.Net;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>Processes killed with SIGKILL and the database restarted at once, in the middle of the work.</summary>
public sealed class CrashTests(MortalService service) : IClassFixture<MortalService>
{
    [Fact]
    public async Task Messages_are_each_handed_over_once_whatever_dispatchers_are_killed_and_though_the_database_restarts_in_mid_dispatch()
    {
        const int Messages = 30_000;
        (string, string)[] everySecond = [.. service.Settings.Where(s => s.Name != "PROCESS_QUEUE_SCHEDULE"), ("PROCESS_QUEUE_SCHEDULE", "* * * * * *"), ("Orchestrator__BatchSize", "200")];
        // All are there before the work is: however long they take to start, it is not over before the last kill.
        await using var first = await EmbeddedHost.StartAsync(everySecond);
        await using var second = await EmbeddedHost.StartAsync(everySecond);
        await using var third = await EmbeddedHost.StartAsync(everySecond);
        await service.ExecuteAsync(
            $"""
            INSERT INTO users (id, phone_number, timezone) SELECT 'crash_' || i, '+15555550100', 'UTC' FROM generate_series(1, {Messages}) AS i;
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority)
            SELECT 'crash_' || i, 'agent', '{"{\"content\": \"x\"}"}', now(), 'high' FROM generate_series(1, {Messages}) AS i
            """);

        await DeliveredAsync(1_000);
        await first.KillAsync();
        await DeliveredAsync(5_000);
        await service.Postgres.RestartImmediatelyAsync(TestContext.Current.CancellationToken);
        await DeliveredAsync(10_000);
        await third.KillAsync();
        (await CountAsync("SELECT count(*)::int FROM messages WHERE user_id LIKE 'crash%'")).ShouldBeLessThan(Messages, "the last kill came in mid-work");
        await DeliveredAsync(Messages);

        (await CountAsync("SELECT count(*)::int FROM messages WHERE user_id LIKE 'crash%'")).ShouldBe(Messages);
        (await CountAsync("SELECT count(DISTINCT user_id)::int FROM messages WHERE user_id LIKE 'crash%'")).ShouldBe(Messages);
        (await CountAsync("SELECT sum(messages_sent)::int FROM user_message_budget WHERE user_id LIKE 'crash%'")).ShouldBe(Messages);
        (await CountAsync("SELECT count(*)::int FROM agent_actions_log WHERE user_id LIKE 'crash%' AND action_type = 'message_delivered'")).ShouldBe(Messages);
        (await CountAsync(
            """
            SELECT count(*)::int FROM message_queue q FULL JOIN messages m ON m.id = q.delivered_message_id
            WHERE coalesce(q.user_id, m.user_id) LIKE 'crash%' AND (q.status IS DISTINCT FROM 'sent' OR m.id IS NULL)
            """)).ShouldBe(0);
    }

    [Fact]
    public async Task Sequences_are_each_handed_over_whole_and_once_though_dispatchers_are_killed()
    {
        const int Sequences = 6_000;
        await service.ExecuteAsync(
            $"""
            INSERT INTO users (id, phone_number, timezone) SELECT 'whole_' || i, '+15555550100', 'UTC' FROM generate_series(1, {Sequences}) AS i;
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, sequence_id, sequence_position, sequence_total)
            SELECT 'whole_' || i, 'agent', jsonb_build_object('content', place::text), now(), 'high', md5(i::text)::uuid, place, 3
            FROM generate_series(1, {Sequences}) AS i CROSS JOIN generate_series(1, 3) AS place
            """);
        (string, string)[] everySecond = [.. service.Settings.Where(s => s.Name != "PROCESS_QUEUE_SCHEDULE"), ("PROCESS_QUEUE_SCHEDULE", "* * * * * *"), ("Orchestrator__BatchSize", "50")];
        Task HandedOverAsync(int messages) => Eventually.HoldsAsync(
            async () => await CountAsync("SELECT count(*)::int FROM messages WHERE user_id LIKE 'whole%'") >= messages, $"{messages} are handed over");

        await using var first = await EmbeddedHost.StartAsync(everySecond);
        await using var second = await EmbeddedHost.StartAsync(everySecond);
        await HandedOverAsync(1_000);
        await first.KillAsync();
        await HandedOverAsync(4_000);
        await second.KillAsync();
        await using var third = await EmbeddedHost.StartAsync(everySecond);
        await HandedOverAsync(3 * Sequences);

        (await CountAsync("SELECT count(*)::int FROM messages WHERE user_id LIKE 'whole%'")).ShouldBe(3 * Sequences);
        (await CountAsync(
            """
            SELECT count(*)::int FROM (
              SELECT string_agg(content, ' ' ORDER BY created_at, id) AS all_of_it FROM messages WHERE user_id LIKE 'whole%' GROUP BY user_id) AS users
            WHERE all_of_it = '1 2 3'
            """)).ShouldBe(Sequences);
        (await CountAsync("SELECT sum(messages_sent)::int FROM user_message_budget WHERE user_id LIKE 'whole%'")).ShouldBe(Sequences);
    }

    [Fact]
    public async Task Every_request_answered_with_200_is_stored_once_though_the_host_is_killed_and_all_are_sent_again()
    {
        const int Requests = 600;
        await service.ExecuteAsync(
            $"INSERT INTO users (id, phone_number, timezone) SELECT 'accept_' || i, '+15555550100', 'UTC' FROM generate_series(0, {Requests - 1}) AS i");
        var doomed = await EmbeddedHost.StartAsync(service.Settings);
        var accepted = new ConcurrentDictionary<int, Guid>();

        var sending = Task.WhenAll(Enumerable.Range(0, 8).Select(lane => Task.Run(async () =>
        {
            for (var i = lane; i < Requests; i += 8)
            {
                try
                {
                    await SendAsync(doomed.Client, i);
                }
                catch (HttpRequestException)
                {
                    // Not answered: nobody can know whether it was stored, so it is sent again below.
                }
            }
        })));
        await Eventually.HoldsAsync(() => Task.FromResult(accepted.Count > 100), "a hundred requests are answered");
        await doomed.KillAsync();
        await sending;
        await doomed.DisposeAsync();
        accepted.Count.ShouldBeInRange(100, Requests - 1);
        var firstAnswers = accepted.ToDictionary();

        for (var i = 0; i < Requests; i++)
            await SendAsync(service.Client, i);

        (await CountAsync("SELECT count(*)::int FROM message_queue WHERE user_id LIKE 'accept%'")).ShouldBe(Requests);
        (await CountAsync("SELECT count(DISTINCT user_id)::int FROM message_queue WHERE user_id LIKE 'accept%'")).ShouldBe(Requests);
        foreach (var (i, id) in firstAnswers)
            accepted[i].ShouldBe(id);

        async Task SendAsync(HttpClient client, int i)
        {
            // A 503 asks to come again: connections that another test's restart of the database has broken are found out so.
            await Eventually.HoldsAsync(async () =>
            {
                var (status, answer, _) = await client.PostAsync(
                    "schedule-message",
                    $$"""{"userId": "accept_{{i}}", "agentId": "agent", "messageData": {"content": "x"}, "priority": "high"}""",
                    ("Idempotency-Key", $"accept {i}"));
                status.ShouldBeOneOf(HttpStatusCode.OK, HttpStatusCode.ServiceUnavailable);
                if (status == HttpStatusCode.OK)
                    accepted[i] = answer.GetProperty("messageId").GetGuid();
                return status == HttpStatusCode.OK;
            }, $"request {i} is answered");
        }
    }

    [Fact]
    public async Task While_the_database_is_gone_callers_are_told_to_come_back_and_the_service_recovers_by_itself()
    {
        await service.AddUserAsync("patient");
        const string Body = """{"userId": "patient", "agentId": "agent", "messageData": {"content": "x"}}""";
        await service.Postgres.KillAsync(TestContext.Current.CancellationToken);
        try
        {
            var (status, problem, response) = await service.Client.PostAsync("schedule-message", Body);
            status.ShouldBe(HttpStatusCode.ServiceUnavailable);
            problem.GetProperty("code").GetString().ShouldBe("database_unavailable");
            response.Headers.RetryAfter!.Delta.ShouldNotBeNull();
            var (health, report, _) = await service.Client.GetJsonAsync("health");
            health.ShouldBe(HttpStatusCode.ServiceUnavailable);
            report.GetProperty("status").GetString().ShouldBe("unhealthy");
            (await service.Client.PostAsync("process-queue", "")).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        }
        finally
        {
            await service.Postgres.StartAgainAsync(TestContext.Current.CancellationToken);
        }

        await service.Host.WaitUntilHealthyAsync();
        await Eventually.HoldsAsync(
            async () => (await service.Client.PostAsync("schedule-message", Body)).Status == HttpStatusCode.OK, "messages are accepted again");
    }

    [Fact]
    public async Task A_host_that_starts_before_its_database_serves_503_and_is_ready_when_the_database_comes()
    {
        await service.Postgres.KillAsync(TestContext.Current.CancellationToken);
        EmbeddedHost host;
        try
        {
            host = await EmbeddedHost.StartAsync(service.Settings, waitUntilHealthy: false);
            (await host.Client.GetJsonAsync("health")).Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
        }
        finally
        {
            await service.Postgres.StartAgainAsync(TestContext.Current.CancellationToken);
        }

        await using (host)
            await host.WaitUntilHealthyAsync();
        await service.Host.WaitUntilHealthyAsync();
    }

    private Task<int> CountAsync(string sql) => service.SingleAsync<int>(sql);

    private Task DeliveredAsync(int least) => Eventually.HoldsAsync(async () =>
    {
        try
        {
            return await CountAsync("SELECT count(*)::int FROM messages WHERE user_id LIKE 'crash%'") >= least;
        }
        catch (Npgsql.NpgsqlException)
        {
            return false;
        }
    }, $"{least} messages are delivered");
}
