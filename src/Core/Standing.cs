using NodaTime;

namespace Orchestrator.Core;

/// <summary>Where a person stands with the rules at one moment, whatever the message.</summary>
public sealed record Standing
{
    /// <summary>Until when the person counts as active; null: they do not.</summary>
    public Instant? ActiveUntil { get; private init; }

    /// <summary>Until when the last delivery keeps every other one back; null: it does not.</summary>
    public Instant? CooldownUntil { get; private init; }

    /// <summary>The deliveries of the last 60 minutes.</summary>
    public required Allowance Hour { get; init; }

    /// <summary>The deliveries of the local day.</summary>
    public required Allowance Day { get; init; }

    /// <summary>The local day that counts.</summary>
    public LocalDate Date { get; private init; }

    /// <summary>The quiet hours in force, the person's own or the default ones.</summary>
    public QuietHours QuietHours { get; private init; }

    /// <summary>The end of the quiet hours that it is now within; null: it is not.</summary>
    public Instant? QuietUntil { get; private init; }

    /// <summary>When the next quiet hours begin; null: there are none, or it is within them.</summary>
    public Instant? QuietFrom { get; private init; }

    /// <summary>The person's standing at <paramref name="now"/>, asked of the rules that decide deliveries.</summary>
    public static Standing Of(Recipient recipient, DeliveryRules rules, Instant now)
    {
        var timeline = new Timeline(recipient, rules);
        var quiet = recipient.QuietHours ?? rules.QuietHours;
        var isQuiet = quiet.AreOn(now, recipient.Zone);
        var date = LocalDay.Of(now, recipient.Zone);
        var hourlyLimit = recipient.HourlyLimit ?? rules.HourlyLimit;
        var dailyLimit = recipient.DailyLimit ?? rules.DailyLimit;
        return new Standing
        {
            ActiveUntil = recipient.IsActive(now, rules) ? recipient.ActiveUntil(rules) : null,
            CooldownUntil = Later(timeline.FirstOutsideCooldown(now)),
            Hour = new Allowance(
                recipient.History.Recent.Count(at => at > now - Timeline.Window), hourlyLimit,
                hourlyLimit > 0 ? Later(timeline.FirstWithinHourlyLimit(now)) : null),
            Day = new Allowance(
                recipient.History.PerDay.GetValueOrDefault(date), dailyLimit, dailyLimit > 0 ? Later(timeline.FirstWithinDailyLimit(now)) : null),
            Date = date,
            QuietHours = quiet,
            QuietUntil = isQuiet ? quiet.FirstOutside(now, recipient.Zone) : null,
            QuietFrom = isQuiet || quiet.Start == quiet.End ? null : quiet.FirstInside(now, recipient.Zone),
        };

        Instant? Later(Instant at) => at > now ? at : null;
    }
}

/// <summary>A limit, and how much of it is used up.</summary>
/// <param name="Used">The deliveries that count.</param>
/// <param name="Limit">How many may; null: any number.</param>
/// <param name="FreesAt">When there is room again; null: there is now, or, with a limit of nought, never.</param>
public readonly record struct Allowance(int Used, int? Limit, Instant? FreesAt)
{
    /// <summary>How many may still come; null: any number.</summary>
    public int? Left => Limit is { } limit ? Math.Max(0, limit - Used) : null;
}
