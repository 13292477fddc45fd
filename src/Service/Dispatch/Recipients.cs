using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Service.Dispatch;

/// <summary>A row of LoadUsers.</summary>
internal sealed record UserRow
{
    public required string UserId { get; init; }

    public bool HasPhoneNumber { get; init; }

    public bool OptedOut { get; init; }

    public string? Timezone { get; init; }

    public LocalTime? QuietHoursStart { get; init; }

    public LocalTime? QuietHoursEnd { get; init; }

    public Instant? LastInboundAt { get; init; }
}

/// <summary>A row of LoadBudgets: one day of one user.</summary>
internal sealed record BudgetRow
{
    public required string UserId { get; init; }

    public LocalDate Date { get; init; }

    public int MessagesSent { get; init; }

    public Instant? LastMessageAt { get; init; }

    public required Instant[] RecentDeliveries { get; init; }

    public int? DailyLimit { get; init; }

    public int? HourlyLimit { get; init; }

    public bool QuietHoursEnabled { get; init; }
}

/// <summary>Turns what the database holds of a user into what the rules need to know.</summary>
/// <param name="settings">For users who have nothing of their own.</param>
/// <param name="logger">Where unknown time zones are reported, each once.</param>
public sealed class Recipients(Settings settings, ILogger<Recipients> logger)
{
    private const int MostZonesReported = 1000;

    private readonly ConcurrentDictionary<string, bool> _unknownZones = new(StringComparer.Ordinal);

    /// <summary>The user's state.</summary>
    /// <param name="user">The user's row.</param>
    /// <param name="budgets">The newest days of the user's budget, newest first; empty where there is none.</param>
    /// <param name="hasHigherLaneWaiting">Whether a message of a higher lane than low is waiting for the user; only low messages ask.</param>
    internal Recipient Create(UserRow user, IReadOnlyList<BudgetRow> budgets, bool hasHigherLaneWaiting = false)
    {
        // The newest row's limits count until there is one for the day.
        var own = budgets.Count > 0 ? budgets[0] : null;
        return new Recipient
        {
            HasPhoneNumber = user.HasPhoneNumber,
            OptedOut = user.OptedOut,
            Zone = ZoneOf(user),
            QuietHours = own is { QuietHoursEnabled: false } ? QuietHours.None : QuietHoursOf(user),
            HourlyLimit = own?.HourlyLimit,
            DailyLimit = own?.DailyLimit,
            LastInboundAt = user.LastInboundAt,
            History = HistoryOf(budgets),
            HasHigherLaneWaiting = hasHigherLaneWaiting,
        };
    }

    private QuietHours? QuietHoursOf(UserRow user) => user is { QuietHoursStart: null, QuietHoursEnd: null }
        ? null
        : new QuietHours(
            user.QuietHoursStart ?? settings.Rules.QuietHours.Start, user.QuietHoursEnd ?? settings.Rules.QuietHours.End);

    private static DeliveryHistory HistoryOf(IReadOnlyList<BudgetRow> budgets)
    {
        if (budgets.Count == 0)
            return DeliveryHistory.Empty;

        var recent = new List<Instant>();
        var perDay = new Dictionary<LocalDate, int>();
        foreach (var budget in budgets)
        {
            perDay[budget.Date] = budget.MessagesSent;
            recent.AddRange(budget.RecentDeliveries);
            // Rows that this service has not written know only their last delivery.
            if (budget.LastMessageAt is { } last && !budget.RecentDeliveries.Contains(last))
                recent.Add(last);
        }

        return new DeliveryHistory(recent, perDay);
    }

    private DateTimeZone ZoneOf(UserRow user)
    {
        if (user.Timezone is { Length: > 0 } id)
        {
            if (DateTimeZoneProviders.Tzdb.GetZoneOrNull(id) is { } zone)
                return zone;
            if (_unknownZones.Count < MostZonesReported && _unknownZones.TryAdd(id, value: true))
                Log.UnknownTimeZone(logger, user.UserId, id, settings.DefaultZone.Id);
        }
        else if (_unknownZones.TryAdd("", value: true))
        {
            Log.NoTimeZone(logger, user.UserId, settings.DefaultZone.Id);
        }

        return settings.DefaultZone;
    }
}
