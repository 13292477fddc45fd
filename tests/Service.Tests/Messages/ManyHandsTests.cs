using System.Collections.Concurrent;
using Orchestrator.Core;
using Orchestrator.Fakes;
using Orchestrator.Service.Messages;
using Orchestrator.Service.People;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Tests.Sms;
using static Orchestrator.Service.Tests.AdoptedDatabase;

namespace Orchestrator.Service.Tests.Messages;

/// <summary>Everything at once for the same few people: nobody blocks anybody for good, and what was answered is what happens.</summary>
public sealed class ManyHandsTests(PostgresServer server)
{
    [Fact]
    public async Task Changes_cancellations_people_dispatches_and_senders_at_once_never_lock_one_another_out()
    {
        await using var sending = await Sending.CreateAsync(server);
        await sending.Db.AddUsersAsync("ann", "bob", "cyd");
        await RunAsync(sending, ["ann", "bob", "cyd"]);
    }

    [Fact]
    public async Task Nor_do_they_where_tables_refer_to_one_another()
    {
        var db = await server.CreateAdoptableAsync();
        await db.ExecuteAsync("DROP TRIGGER on_outbound_message ON messages; UPDATE message_queue SET status = 'cancelled' WHERE status IN ('queued', 'approved')");
        await new Migrator(db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        await db.ExecuteAsync("UPDATE sms_gate SET sends_from = '-infinity'; UPDATE message_queue SET status = 'cancelled' WHERE status = 'queued'");
        await using var sending = Sending.On(db, await FakeTwilio.StartAsync());
        await RunAsync(sending, [Bob, Cyd, Eve]);
    }

    private static async Task RunAsync(Sending sending, string[] users)
    {
        var db = sending.Db;
        var cancellationToken = TestContext.Current.CancellationToken;
        var faults = new ConcurrentQueue<Exception>();
        var cancelled = new ConcurrentDictionary<Guid, bool>();
        var texts = new ConcurrentDictionary<Guid, ConcurrentBag<string>>();
        foreach (var user in users)
            await db.NewUserStore().PutAsync(user, new() { HourlyLimit = 1000, DailyLimit = 1000, QuietHoursEnabled = false }, cancellationToken);

        for (var round = 0; round < 6; round++)
        {
            var ids = new List<Guid>();
            foreach (var user in users)
            {
                for (var i = 0; i < 3; i++)
                    ids.Add(await db.QueueAsync(user, content: $"{user} {round} {i}", canDelay: false));
                await db.ScheduledIdAsync(Some.Request(user) with
                {
                    Lane = Lane.High,
                    MessageData = $$"""{"content":"{{user}} {{round}} one"}""",
                    Following = [$$"""{"content":"{{user}} {{round}} two"}"""],
                });
            }

            ids.AddRange(await db.QueryAsync<Guid>("SELECT id FROM message_queue WHERE status = 'queued' AND sequence_id IS NOT NULL"));
            ids.AddRange(await db.QueryAsync<Guid>("SELECT id FROM messages WHERE status = 'pending' AND direction = 'outbound'"));
            var number = 0;
            var work = new List<Func<Task>>();
            foreach (var id in ids.Distinct())
            {
                var text = $"{id} {round}";
                work.Add(async () =>
                {
                    var (answer, _) = await db.NewChanges().ChangeAsync(
                        id, new ChangeRequest { Fields = ["messageData"], MessageData = $$"""{"content":"{{text}}"}""", HasContent = true }, cancellationToken);
                    if (answer is not null)
                        texts.GetOrAdd(id, _ => []).Add(text);
                });
                if (number++ % 4 == 0)
                {
                    work.Add(async () =>
                    {
                        if ((await db.NewCancellation().CancelAsync(id, key: null, cancellationToken)).Answer is not null)
                            cancelled[id] = true;
                    });
                }
            }

            foreach (var (index, user) in users.Index())
            {
                foreach (var (turn, zone) in ((string[])["America/Chicago", "America/Denver", "America/New_York"]).Index())
                {
                    var change = new UserChange { Timezone = zone, PhoneNumber = $"+1212555{round}{index}{turn}0", OptedOut = index == 2 && turn == 0 };
                    work.Add(() => db.NewUserStore().PutAsync(user, change, cancellationToken));
                }
            }

            work.AddRange(Enumerable.Repeat<Func<Task>>(() => db.DispatchAsync(), 6));
            work.AddRange(Enumerable.Repeat<Func<Task>>(() => sending.SendAsync(), 4));
            await Parallel.ForEachAsync(work.OrderBy(_ => Random.Shared.Next()), new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (one, _) =>
            {
                try
                {
                    await one();
                }
                catch (Exception e)
                {
                    faults.Enqueue(e);
                }
            });
            db.Now += Duration.FromSeconds(30);
        }

        for (var i = 0; i < 60 && await db.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE status = 'queued'") > 0; i++)
        {
            await db.DispatchAsync();
            db.Now += Duration.FromSeconds(30);
        }

        await sending.SendUntilNothingWaitsAsync();
        faults.ShouldBeEmpty();
        var sent = sending.Twilio.Accepted.Select(sms => sms.Body).ToList();
        sent.ShouldBeUnique();
        foreach (var row in await db.QueryAsync<(Guid Id, string Status, string Said, string? Sms)>(
            "SELECT q.id, q.status, message_text(q.message_data), m.status FROM message_queue q LEFT JOIN messages m ON m.id = q.id WHERE q.created_at >= '2025-10-15 16:00Z'"))
        {
            if (cancelled.ContainsKey(row.Id))
                row.Status.ShouldBe("cancelled");
            if (texts.TryGetValue(row.Id, out var accepted))
                accepted.ShouldContain(row.Said);
            (row.Status, row.Sms, sent.Contains(row.Said)).ShouldBeOneOf(
                ("sent", "sent", true), ("cancelled", null, false), ("cancelled", "cancelled", false), ("failed", null, false));
        }
    }
}
