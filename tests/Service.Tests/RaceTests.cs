using Orchestrator.Core;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

/// <summary>Several instances at once on one database: the product's reason to be.</summary>
public sealed class RaceTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    [Fact]
    public async Task Of_ten_dispatchers_and_one_user_with_many_messages_exactly_one_delivers_one()
    {
        await _db.AddUsersAsync("ann");
        for (var i = 0; i < 50; i++)
            await _db.QueueAsync("ann", (Lane)(i % 4), canDelay: false);

        for (var round = 0; round < 5; round++)
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => _db.DispatchAsync()));
            results.Sum(r => r.Delivered).ShouldBe(1);
            _db.Now += Duration.FromSeconds(30);
        }

        var gaps = await _db.QueryAsync<Instant>("SELECT created_at FROM messages ORDER BY created_at");
        gaps.Zip(gaps.Skip(1), (a, b) => b - a).ShouldAllBe(gap => gap >= Duration.FromSeconds(30));
    }

    [Fact]
    public async Task Thousands_of_messages_are_each_delivered_once_by_many_dispatchers()
    {
        _db.Settings = _db.Settings with { BatchSize = 97 };
        await _db.ExecuteAsync(
            """
            INSERT INTO users (id, phone_number, timezone) SELECT 'user_' || i, '+15555550100', 'America/New_York' FROM generate_series(1, 1500) AS i;
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority, can_delay)
            SELECT 'user_' || (1 + i % 1500), 'agent', '{"content": "x"}', @now, (ARRAY['urgent', 'high', 'medium', 'low'])[1 + i % 4], false
            FROM generate_series(1, 4500) AS i
            """,
            new { now = _db.Now });

        var delivered = 0;
        for (var round = 0; round < 3; round++)
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => _db.DispatchAsync()));
            delivered += results.Sum(r => r.Delivered);
            // A user whose row another dispatcher held is left to the next pass.
            delivered += (await _db.DispatchAsync()).Delivered;
            _db.Now += Duration.FromSeconds(30);
        }

        delivered.ShouldBe(4500);
        (await _db.SingleAsync<int>("SELECT count(DISTINCT id)::int FROM messages")).ShouldBe(4500);
        (await _db.SingleAsync<int>("SELECT sum(messages_sent)::int FROM user_message_budget")).ShouldBe(4500);
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE status <> 'sent'")).ShouldBe(0);
        (await _db.SingleAsync<int>(
            """
            SELECT count(*)::int FROM (
              SELECT created_at - lag(created_at) OVER (PARTITION BY user_id ORDER BY created_at) AS gap FROM messages) AS gaps
            WHERE gap < interval '30 seconds'
            """)).ShouldBe(0);
    }

    [Fact]
    public async Task Of_two_urgent_messages_scheduled_for_one_user_at_the_same_moment_one_goes_out_and_the_other_is_told_its_slot()
    {
        for (var i = 0; i < 10; i++)
        {
            var user = $"user_{i}";
            await _db.AddUsersAsync(user);

            var outcomes = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _db.ScheduleAsync(Some.Request(user) with { Lane = Lane.Urgent })));

            var answers = outcomes.Select(o => System.Text.Json.JsonDocument.Parse(o.ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement).ToList();
            answers.Select(a => a.GetProperty("status").GetString()).Order().ShouldBe(["queued", "queued", "queued", "sent"]);
            (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE user_id = @user", new { user })).ShouldBe(1);
            var waiting = answers.Where(a => a.GetProperty("status").GetString() == "queued").ToList();
            foreach (var answer in waiting)
            {
                (await _db.ScheduledForAsync(answer.GetProperty("messageId").GetGuid()))
                    .ShouldBe(NodaTime.Text.InstantPattern.ExtendedIso.Parse(answer.GetProperty("scheduledFor").GetString()!).Value);
            }

            waiting.ShouldAllBe(a => a.GetProperty("code").GetString() == "cooldown");
        }
    }

    [Fact]
    public async Task Requests_with_one_key_at_the_same_moment_store_one_message()
    {
        await _db.AddUsersAsync("ann");

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => _db.ScheduleAsync(Some.Request("ann"), key: "k1")));

        (await _db.SingleAsync<int>("SELECT count(*)::int FROM message_queue")).ShouldBe(1);
        var answered = outcomes.OfType<ScheduleOutcome.Answered>().ToList();
        answered.Count.ShouldBe(12);
        answered.Select(a => a.Json).Distinct().Count().ShouldBe(1);
        answered.Count(a => !a.Replayed).ShouldBe(1);
    }
}
