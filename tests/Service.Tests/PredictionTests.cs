using System.Text.Json;
using CsCheck;
using Orchestrator.Core;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

/// <summary>What a caller is told of a message that is scheduled is what becomes of it, where nothing comes in between.</summary>
public sealed class PredictionTests(PostgresServer server) : IAsyncLifetime
{
    private static readonly Instant Midnight = Instant.FromUtc(2025, 10, 15, 0, 0);

    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        _db.Settings = _db.Settings with { Rules = _db.Settings.Rules with { BusyAbove = 1_000_000 } };
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private sealed record Person(string Zone, string? QuietFrom, string? QuietUntil, int? Hourly, int? Daily, int[] BestHours, int? WroteMinutesAgo);

    private sealed record Wish(Lane Lane, int? InMinutes, int? ExpiresAfter, bool CanDelay);

    private sealed record Case(Person Person, int Minute, Wish[] Wishes);

    private static readonly Gen<Person> People =
        from zone in Gen.OneOf("America/New_York", "Asia/Kathmandu", "Europe/Berlin", "Pacific/Auckland")
        from quiet in Gen.OneOf<(string? From, string? Until)>((null, null), ("22:00", "08:00"), ("13:00", "15:30"), ("00:00", "00:00"))
        from hourly in Gen.OneOf<int?>(null, 1, 2, 3)
        from daily in Gen.OneOf<int?>(null, 2, 4)
        from best in Gen.OneOf<int[]>([], [9], [14, 20])
        from wrote in Gen.OneOf<int?>(null, 1, 9, 90)
        select new Person(zone, quiet.From, quiet.Until, hourly, daily, best, wrote);

    private static readonly Gen<Wish> Wishes =
        from lane in Gen.Enum<Lane>()
        from minutes in Gen.OneOf<int?>(null, null, 1, 45, 600)
        from expires in Gen.OneOf<int?>(null, null, null, 2, 300)
        from canDelay in Gen.Bool
        select new Wish(lane, minutes, expires, canDelay);

    private static readonly Gen<Case> Cases =
        from person in People
        from minute in Gen.Int[0, (24 * 60) - 1]
        from wishes in Wishes.Array[1, 6]
        select new Case(person, minute, WithNothingThatComesInBetween(wishes));

    /// <summary>What waits in a lower lane, or for a time of its own, may use up a limit before what is to go before it.</summary>
    private static Wish[] WithNothingThatComesInBetween(Wish[] wishes) =>
        [.. wishes[..^1].Select(wish => wish with { Lane = wish.Lane > wishes[^1].Lane ? wishes[^1].Lane : wish.Lane, InMinutes = null }), wishes[^1]];

    [Fact]
    public async Task The_last_message_that_is_scheduled_goes_out_at_the_time_that_was_told_or_ends_as_was_told()
    {
        var number = 0;
        await Cases.SampleAsync(
            async given =>
            {
                var user = $"user{number++}";
                _db.Now = Midnight + Duration.FromMinutes(given.Minute);
                await AddAsync(user, given.Person);
                JsonElement told = default;
                JsonElement foretold = default;
                Instant? expiry = null;
                foreach (var wish in given.Wishes)
                {
                    expiry = Request(user, wish).ExpiresAt;
                    foretold = Json(await _db.ScheduleAsync(Request(user, wish), dryRun: true));
                    told = Json(await _db.ScheduleAsync(Request(user, wish)));
                    await _db.DispatchAsync();
                    _db.Now += Duration.FromSeconds(1);
                }

                var id = told.GetProperty("messageId").GetGuid();
                var promised = Promise(told);
                var at = await PlayAsync(user, id);
                var became = await _db.SingleAsync<(string Status, string? Reason)>("SELECT status, reason FROM message_queue WHERE id = @id", new { id });

                Promise(foretold).ShouldBe(promised, $"case {number}: a dry run and the request that follows tell the same\n{Print(given)}");
                at.ShouldBe(promised, $"case {number}: {became}, told {told}\n{Print(given)}");
                became.Status.ShouldBe(expiry == promised ? "expired" : "sent", $"case {number}: {became}, told {told}\n{Print(given)}");
            },
            iter: 100, threads: 1, print: Print);
    }

    /// <summary>When a message is to go; or to expire, where no slot is left before.</summary>
    private static Instant Promise(JsonElement answer) =>
        NodaTime.Text.InstantPattern.ExtendedIso.Parse(answer.GetProperty("scheduledFor").GetString()!).Value;

    /// <summary>Lets dispatches come exactly when something is due, until the message has left the queue. Returns when it has.</summary>
    private async Task<Instant> PlayAsync(string user, Guid id)
    {
        for (var step = 0; step < 100; step++)
        {
            var finished = await _db.SingleAsync<(string Status, Instant Due, Instant Sent)>(
                """
                SELECT q.status, (SELECT coalesce(min(w.scheduled_for), '2025-01-01') FROM message_queue w WHERE w.user_id = @user::external_id AND w.status = 'queued'),
                  coalesce(q.finished_at, '2025-01-01')
                FROM message_queue q WHERE q.id = @id
                """,
                new { id, user });
            if (finished.Status != "queued")
                return finished.Sent;
            _db.Now = Instant.Max(_db.Now, finished.Due);
            await _db.DispatchAsync();
        }

        throw new InvalidOperationException("It is put off for ever.");
    }

    private ScheduleRequest Request(string user, Wish wish)
    {
        Instant? at = wish.InMinutes is { } minutes ? _db.Now + Duration.FromMinutes(minutes) : null;
        return Some.Request(user) with
        {
            Lane = wish.Lane,
            ScheduledFor = at,
            ExpiresAt = wish.ExpiresAfter is { } after ? (at ?? _db.Now) + Duration.FromMinutes(after) : null,
            CanDelay = wish.CanDelay,
        };
    }

    private async Task AddAsync(string user, Person person)
    {
        await _db.AddUsersAsync(user);
        await _db.ExecuteAsync(
            """
            UPDATE users SET timezone = @Zone, quiet_hours_start = @QuietFrom::text::time, quiet_hours_end = @QuietUntil::text::time,
              response_pattern = jsonb_build_object('best_hours', @BestHours)
            WHERE id = @user;
            INSERT INTO user_message_budget (user_id, date, hourly_limit, daily_limit) VALUES (@user, '2025-10-01', @Hourly::int, @Daily::int);
            INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, created_at)
            SELECT gen_random_uuid(), 'c_' || @user, @user, 'user', 'Hello', 'inbound', 'received', @now - @WroteMinutesAgo::int * interval '1 minute'
            WHERE @WroteMinutesAgo::int IS NOT NULL
            """,
            new { user, person.Zone, person.QuietFrom, person.QuietUntil, person.BestHours, person.Hourly, person.Daily, person.WroteMinutesAgo, now = _db.Now });
    }

    private static JsonElement Json(ScheduleOutcome outcome) =>
        JsonDocument.Parse(outcome.ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;

    private static string Print(Case given) => $"{given.Person} best {string.Join(',', given.Person.BestHours)}, minute {given.Minute}\n{string.Join<Wish>('\n', given.Wishes)}";
}
