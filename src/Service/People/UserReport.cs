using NodaTime;
using NodaTime.Text;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.People;

/// <summary>What callers are told of a user: what is stored, and where they stand with the rules at that moment.</summary>
public sealed record UserReport
{
    /// <summary>The id.</summary>
    public required string Id { get; init; }

    /// <summary>As stored; mostly E.164. Null: none.</summary>
    public string? PhoneNumber { get; init; }

    /// <summary>Null: not known.</summary>
    public string? FirstName { get; init; }

    /// <summary>The user's own zone, as stored; null: none.</summary>
    public string? Timezone { get; init; }

    /// <summary>The user's own; null: the configured one counts.</summary>
    public string? QuietHoursStart { get; init; }

    /// <summary>Likewise.</summary>
    public string? QuietHoursEnd { get; init; }

    /// <summary>Whether the user has quiet hours at all.</summary>
    public bool QuietHoursEnabled { get; init; }

    /// <summary>The user's own; null: the configured one counts, if any.</summary>
    public int? HourlyLimit { get; init; }

    /// <summary>Likewise.</summary>
    public int? DailyLimit { get; init; }

    /// <summary>Whether the user asked to get nothing.</summary>
    public bool OptedOut { get; init; }

    /// <summary>When all of the following was true, by the database's clock.</summary>
    public Instant At { get; init; }

    /// <summary>The user's local time then, without an offset.</summary>
    public required string LocalTime { get; init; }

    /// <summary>Whether the user has written within the last minutes.</summary>
    public bool Active { get; init; }

    /// <summary>Until when; null: not active.</summary>
    public Instant? ActiveUntil { get; init; }

    /// <summary>Until when the last delivery keeps every other one back; null: it does not.</summary>
    public Instant? CooldownUntil { get; init; }

    /// <summary>The limits in force, and how much of them is used.</summary>
    public required BudgetReport Budget { get; init; }

    /// <summary>The quiet hours in force.</summary>
    public required QuietReport QuietHours { get; init; }

    /// <summary>How many messages wait, by lane.</summary>
    public required IReadOnlyDictionary<string, int> Waiting { get; init; }

    /// <summary>When a message scheduled now would go, by lane.</summary>
    public required IReadOnlyDictionary<string, SlotReport> NextFreeSlot { get; init; }

    /// <summary>Puts it together.</summary>
    internal static UserReport Of(
        StoredUser user, BudgetRow? own, Recipient recipient, Standing standing, Instant now, IReadOnlyDictionary<string, int> waiting,
        IReadOnlyDictionary<string, SlotReport> slots) => new()
        {
            Id = user.Id,
            PhoneNumber = user.PhoneNumber,
            FirstName = user.FirstName,
            Timezone = user.Timezone,
            QuietHoursStart = Text(user.QuietHoursStart),
            QuietHoursEnd = Text(user.QuietHoursEnd),
            QuietHoursEnabled = own?.QuietHoursEnabled ?? true,
            HourlyLimit = own?.HourlyLimit,
            DailyLimit = own?.DailyLimit,
            OptedOut = user.OptedOut,
            At = now,
            LocalTime = LocalDateTimePattern.GeneralIso.Format(now.InZone(recipient.Zone).LocalDateTime),
            Active = standing.ActiveUntil is not null,
            ActiveUntil = standing.ActiveUntil,
            CooldownUntil = standing.CooldownUntil,
            Budget = new BudgetReport(
                new HourReport(standing.Hour.Used, standing.Hour.Limit, standing.Hour.Left, standing.Hour.FreesAt),
                new DayReport(LocalDatePattern.Iso.Format(standing.Date), standing.Day.Used, standing.Day.Limit, standing.Day.Left, standing.Day.FreesAt)),
            QuietHours = standing.QuietHours.Start == standing.QuietHours.End
                ? new QuietReport(Now: false, Until: null, Next: null, Start: null, End: null, recipient.Zone.Id)
                : new QuietReport(standing.QuietUntil is not null, standing.QuietUntil, standing.QuietFrom,
                    Text(standing.QuietHours.Start), Text(standing.QuietHours.End), recipient.Zone.Id),
            Waiting = waiting,
            NextFreeSlot = slots,
        };

    // Seconds, which only another program can have written, are told where there are any.
    private static string? Text(LocalTime? time) => time?.ToString(time is { Second: 0 } ? "HH:mm" : "HH:mm:ss", System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>Both limits.</summary>
/// <param name="Hour">The last 60 minutes.</param>
/// <param name="Day">The local day.</param>
public sealed record BudgetReport(HourReport Hour, DayReport Day);

/// <summary>The hourly limit.</summary>
/// <param name="Used">The deliveries of the last 60 minutes.</param>
/// <param name="Limit">The limit in force; null: none.</param>
/// <param name="Left">Null: any number.</param>
/// <param name="FreesAt">When there is room again; null: there is, or, with a limit of 0, never.</param>
public sealed record HourReport(int Used, int? Limit, int? Left, Instant? FreesAt);

/// <summary>The daily limit.</summary>
/// <param name="Date">The user's local day.</param>
/// <param name="Used">The deliveries of that day.</param>
/// <param name="Limit">The limit in force; null: none.</param>
/// <param name="Left">Null: any number.</param>
/// <param name="FreesAt">When there is room again; null: there is, or, with a limit of 0, never.</param>
public sealed record DayReport(string Date, int Used, int? Limit, int? Left, Instant? FreesAt);

/// <summary>The quiet hours in force.</summary>
/// <param name="Now">Whether it is within them.</param>
/// <param name="Until">Until when; null: it is not.</param>
/// <param name="Next">When the next begin; null: it is within them, or there are none.</param>
/// <param name="Start">Their start in local time; null: there are none.</param>
/// <param name="End">Likewise their end.</param>
/// <param name="Timezone">The zone that counts: the user's, or the configured one.</param>
public sealed record QuietReport(bool Now, Instant? Until, Instant? Next, string? Start, string? End, string Timezone);

/// <summary>When a message of a lane would go.</summary>
/// <param name="At">The time; null: never, as things stand.</param>
/// <param name="Code">What would hold it back until then; null: nothing.</param>
/// <param name="Reason">The same in a sentence.</param>
public sealed record SlotReport(Instant? At, string? Code, string? Reason);
