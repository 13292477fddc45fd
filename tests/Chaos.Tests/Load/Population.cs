using System.Globalization;
using Dapper;
using Npgsql;

namespace Orchestrator.Chaos.Tests.Load;

/// <summary>
/// The people who are written to. Their zones are chosen by the time at which the run begins, so that for some of them it is night then,
/// whenever that is, and stays night for five hours.
/// </summary>
public sealed class Population
{
    /// <summary>People who mostly get one message each, by day.</summary>
    public const int Many = 3000;

    private readonly int _hour = DateTime.UtcNow.Hour;
    private readonly Random _random;
    private int _next;

    /// <param name="seed">Where the choice of people begins.</param>
    public Population(int seed) => _random = new Random(seed);

    /// <summary>Where it is two in the morning, local time, when the run begins.</summary>
    public string NightZone => Zone(localHour: 2);

    /// <summary>Where it is noon.</summary>
    public string DayZone => Zone(localHour: 12);

    /// <summary>The next of the many, each in turn.</summary>
    public string Next() => $"many_{Interlocked.Increment(ref _next) % Many}";

    /// <summary>Somebody who gets many messages.</summary>
    public string Busy() => Any("busy", 30);

    /// <summary>Somebody for whom it is night.</summary>
    public string Sleeper() => Any("sleeper", 60);

    /// <summary>One of a few for whom it is night too, and who get messages of topics: older ones are waiting.</summary>
    public string Subscriber() => Any("subscriber", 5);

    /// <summary>Somebody with a daily limit of two.</summary>
    public string Limited() => Any("limited", 10);

    /// <summary>Somebody whom the caller opts out at some time.</summary>
    public string Leaver() => Any("leaver", 20);

    /// <summary>Somebody with hours of their own, or none at all, or no zone.</summary>
    public string Odd() => Any("napper", 15, "owl", 15, "nowhere", 5);

    /// <summary>The number of a new person, whom nobody has created yet.</summary>
    public static string NumberOf(int person) => string.Create(CultureInfo.InvariantCulture, $"+1212{2_000_000 + person}");

    /// <summary>Puts all of them into the database.</summary>
    public async Task SettleAsync(NpgsqlDataSource database)
    {
        await using var connection = await database.OpenConnectionAsync();
        await connection.ExecuteAsync(
            """
            INSERT INTO users (id, phone_number, timezone, quiet_hours_start, quiet_hours_end)
            SELECT kind || '_' || i, '+1212' || (2000000 + row_number() OVER ()), zone, starts, ends
            FROM (VALUES
              ('many', @Many, @DayZone, NULL::time, NULL::time), ('busy', 30, @DayZone, NULL, NULL), ('sleeper', 60, @NightZone, NULL, NULL), ('subscriber', 5, @NightZone, NULL, NULL),
              ('limited', 10, @DayZone, NULL, NULL), ('leaver', 20, @DayZone, NULL, NULL),
              ('napper', 15, @DayZone, '11:00', '20:00'), ('owl', 15, @NightZone, '10:00', '10:00'), ('nowhere', 5, NULL, NULL, NULL)
            ) AS kinds (kind, people, zone, starts, ends)
            CROSS JOIN LATERAL generate_series(0, people - 1) AS i;
            INSERT INTO user_message_budget (user_id, date, daily_limit)
            SELECT id, (now() AT TIME ZONE timezone)::date, 2 FROM users WHERE id LIKE 'limited%';
            ANALYZE users;
            """,
            new { Many, DayZone, NightZone });
    }

    private string Any(string kind, int people)
    {
        lock (_random)
            return $"{kind}_{_random.Next(people)}";
    }

    private string Any(string one, int ones, string other, int others, string third, int thirds)
    {
        lock (_random)
        {
            var person = _random.Next(ones + others + thirds);
            return person < ones ? $"{one}_{person}" : person < ones + others ? $"{other}_{person - ones}" : $"{third}_{person - ones - others}";
        }
    }

    /// <summary>The zone with a fixed offset in which the local time is in that hour now. The sign in its name is the other way round.</summary>
    private string Zone(int localHour)
    {
        var offset = ((localHour - _hour + 36) % 24) - 12;
        return offset == 0 ? "Etc/GMT" : string.Create(CultureInfo.InvariantCulture, $"Etc/GMT{-offset:+0;-0}");
    }
}
