namespace Orchestrator.Core.Tests;

/// <summary>What holds in every zone through every change of its clocks, compared with brute force.</summary>
public sealed class EveryZoneTests
{
    /// <summary>An offset into a minute, so that questions are asked off the grid on which the answers lie.</summary>
    private static readonly Duration WithinAMinute = Duration.FromSeconds(17) + Duration.Epsilon;

    /// <summary>Starts and ends, in minutes since midnight.</summary>
    private static readonly (int Start, int End)[] Intervals =
    [
        (22 * 60, 8 * 60),
        (0, 8 * 60),
        (23 * 60 + 30, 30),
        (60, 3 * 60),
        (2 * 60 + 15, 2 * 60 + 45),
        (20 * 60, 0),
        (2 * 60 + 30, 2 * 60 + 31),
        (0, 1),
        (1, 0),
        (3 * 60, 2 * 60 + 59),
        (90, 90),
    ];

    private static QuietHours Quiet((int Start, int End) interval) =>
        new(LocalTime.Midnight.PlusMinutes(interval.Start), LocalTime.Midnight.PlusMinutes(interval.End));

    [Fact]
    public void Quiet_hours_end_at_the_first_instant_whose_local_time_is_outside_them()
    {
        foreach (var wall in EveryZone.WallClocks())
        {
            foreach (var interval in Intervals)
            {
                var quiet = Quiet(interval);
                var first = wall.FirstAllowed(minute => !wall.IsQuiet(minute, interval.Start, interval.End));
                foreach (var minute in wall.Probes(every: 149))
                {
                    var at = wall.StartOf(minute);
                    var end = wall.StartOf(first[minute]);
                    Same(quiet.FirstOutside(at, wall.Zone), end, wall, at);
                    Same(quiet.FirstOutside(at + WithinAMinute, wall.Zone), first[minute] == minute ? at + WithinAMinute : end, wall, at);
                }
            }
        }
    }

    [Fact]
    public void A_message_is_delivered_in_no_quiet_minute_and_in_every_other()
    {
        foreach (var wall in EveryZone.WallClocks())
        {
            foreach (var interval in Intervals)
            {
                var recipient = Some.Recipient with { Zone = wall.Zone, QuietHours = Quiet(interval) };
                var first = wall.FirstAllowed(minute => !wall.IsQuiet(minute, interval.Start, interval.End));
                foreach (var minute in wall.Probes(every: 307))
                {
                    var at = wall.StartOf(minute);
                    Decision expected = first[minute] == minute
                        ? Decision.Deliver.Now
                        : new Decision.Defer(Hold.QuietHours, wall.StartOf(first[minute]));
                    Same(recipient.Decide(Some.Message, at), expected, wall, at);
                }
            }
        }
    }

    [Fact]
    public void The_next_local_day_starts_at_the_first_instant_of_a_later_date()
    {
        foreach (var wall in EveryZone.WallClocks())
        {
            foreach (var minute in wall.Probes(every: 127))
            {
                var at = wall.StartOf(minute);
                var next = wall.StartOf(wall.NextDay(minute).ShouldNotBeNull());
                Same(LocalDay.NextStart(at, wall.Zone), next, wall, at);
                Same(LocalDay.NextStart(at + WithinAMinute, wall.Zone), next, wall, at);
            }
        }
    }

    [Fact]
    public void The_best_time_is_the_first_instant_of_a_best_hour_outside_quiet_hours_within_24_hours()
    {
        int[][] bestHours = [[9], [23, 0, 2, 7], [.. Enumerable.Range(0, 24)]];
        (int Start, int End)[] intervals = [Intervals[0], Intervals[4]];

        foreach (var wall in EveryZone.WallClocks())
        {
            foreach (var hours in bestHours)
            {
                foreach (var interval in intervals)
                {
                    var recipient = Some.Recipient with { Zone = wall.Zone, QuietHours = Quiet(interval) };
                    var first = wall.FirstAllowed(
                        minute => hours.AsSpan().Contains(wall.HourAt(minute)) && !wall.IsQuiet(minute, interval.Start, interval.End));
                    foreach (var minute in wall.Probes(every: 401))
                    {
                        var at = wall.StartOf(minute);
                        Same(BestTime.Choose(at, hours, recipient, Some.Rules), Expected(at), wall, at);
                        Same(BestTime.Choose(at + WithinAMinute, hours, recipient, Some.Rules), Expected(at + WithinAMinute), wall, at);

                        Instant? Expected(Instant from) =>
                            first[minute] == minute || wall.StartOf(first[minute]) > from + Duration.FromHours(24)
                                ? null
                                : wall.StartOf(first[minute]);
                    }
                }
            }
        }
    }

    /// <summary>Shouldly's own comparison is too slow for millions of them, and cannot tell where.</summary>
    private static void Same<T>(T actual, T expected, WallClock wall, Instant at)
    {
        if (!EqualityComparer<T>.Default.Equals(actual, expected))
            actual.ShouldBe(expected, $"in {wall}, asked at {at}");
    }
}
