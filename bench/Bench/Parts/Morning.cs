using System.Globalization;
using Orchestrator.Bench.Report;

namespace Orchestrator.Bench.Parts;

/// <summary>
/// A simulation, and no measurement: what the end of the night does to a queue that is filled evenly round the clock. All that came in a zone's
/// quiet hours is due at the same moment, and is handed over as fast as the database allows. It is what breaks first as messages grow.
/// </summary>
internal static class Morning
{
    private const int StepSeconds = 10;
    private const int StepsADay = 86_400 / StepSeconds;
    private const int Days = 3;
    private const int NightBegins = 22;
    private const int NightEnds = 8;

    private static readonly double[] MessagesADay = [1e6, 1e7, 1e8, 1e9];

    /// <summary>One PostgreSQL on two cores as measured here, and four, sixteen and 64 times that.</summary>
    private static readonly double[] HandedOverASecond = [20e3, 80e3, 320e3, 1.28e6];

    private static readonly (string Name, (double OffsetHours, double Share)[] Zones)[] Peoples =
    [
        ("four zones of the United States", [(-5, .47), (-6, .29), (-7, .07), (-8, .17)]),
        ("thirteen zones round the world",
            [(-8, .01), (-6, .04), (-5, .07), (-3, .05), (0, .06), (1, .10), (2, .06), (3, .09), (5, .07), (5.5, .18), (7, .07), (8, .16), (9, .04)]),
    ];

    public static Task<PartResult> RunAsync(Stage stage) => Task.FromResult(new PartResult([])
    {
        Tables = [.. Peoples.Select(people => new Table(
            $"Simulated: how late the last message of a morning is, {people.Name}",
            ["messages a day", "due at once", .. HandedOverASecond.Select(rate => $"at {rate:#,0}/s")],
            [.. MessagesADay.Select(perDay => Row(people.Zones, perDay))]))],
    });

    private static IReadOnlyList<string> Row((double, double)[] zones, double perDay)
    {
        var due = DueBySteps(zones, perDay);
        var results = HandedOverASecond.Select(rate => WorkOff(due, rate)).ToList();
        return [perDay.ToString("#,0", CultureInfo.InvariantCulture), due.Max().ToString("#,0", CultureInfo.InvariantCulture), .. results.Select(Format)];
    }

    /// <summary>How many messages become due in each step: at once by day, at the night's end if they came in it.</summary>
    private static double[] DueBySteps((double OffsetHours, double Share)[] zones, double perDay)
    {
        var due = new double[StepsADay * (Days + 1)];
        for (var step = 0; step < StepsADay * Days; step++)
        {
            foreach (var (offset, share) in zones)
            {
                var local = ((step * StepSeconds / 3600.0) + offset + 24) % 24;
                var waits = local is >= NightBegins or < NightEnds ? (NightEnds - local + 24) % 24 * 3600 / StepSeconds : 0;
                due[step + (int)Math.Round(waits)] += perDay / StepsADay * share;
            }
        }

        return due;
    }

    /// <summary>The seconds that the latest message is late, after a day that fills the night.</summary>
    private static double WorkOff(double[] due, double rate)
    {
        double backlog = 0, latest = 0;
        for (var step = StepsADay; step < StepsADay * Days; step++)
        {
            backlog += due[step];
            latest = Math.Max(latest, backlog / rate);
            backlog = Math.Max(0, backlog - (rate * StepSeconds));
        }

        return latest;
    }

    private static string Format(double seconds) => seconds < 120
        ? seconds.ToString("0 's'", CultureInfo.InvariantCulture)
        : (seconds / 60).ToString("#,0 'min'", CultureInfo.InvariantCulture);
}
