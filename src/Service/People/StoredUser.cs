using NodaTime;
using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.People;

/// <summary>A row of ReadUser.</summary>
internal sealed record StoredUser
{
    public required string Id { get; init; }

    public string? PhoneNumber { get; init; }

    public string? FirstName { get; init; }

    public string? Timezone { get; init; }

    public LocalTime? QuietHoursStart { get; init; }

    public LocalTime? QuietHoursEnd { get; init; }

    public bool OptedOut { get; init; }
}

/// <summary>What of a user the rules go by. Where it changes, what waits is decided anew.</summary>
internal readonly record struct RuleValues(
    string? Timezone, LocalTime? QuietHoursStart, LocalTime? QuietHoursEnd, bool QuietHoursEnabled, int? HourlyLimit, int? DailyLimit)
{
    public static RuleValues Of(UserRow user, IReadOnlyList<BudgetRow> budgets) => new(
        user.Timezone, user.QuietHoursStart, user.QuietHoursEnd, budgets is not [{ QuietHoursEnabled: false }, ..],
        budgets is [var own, ..] ? own.HourlyLimit : null, budgets is [var same, ..] ? same.DailyLimit : null);

    /// <summary>Whether best times, which are hours of the day outside quiet hours, are others in the other.</summary>
    public bool HasOtherHoursThan(RuleValues other) =>
        (Timezone, QuietHoursStart, QuietHoursEnd, QuietHoursEnabled) != (other.Timezone, other.QuietHoursStart, other.QuietHoursEnd, other.QuietHoursEnabled);
}

/// <summary>What a request to change a user came to.</summary>
/// <param name="Created">Whether the user is new.</param>
/// <param name="Problem">Why nothing is stored; null: it is.</param>
public readonly record struct UserOutcome(bool Created, Http.Problem? Problem = null);
