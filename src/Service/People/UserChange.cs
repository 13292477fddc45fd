using NodaTime;

namespace Orchestrator.Service.People;

/// <summary>A field of a request: left out, or given, be it as null.</summary>
/// <param name="IsGiven">Whether it is there.</param>
/// <param name="Value">What it says; null clears.</param>
public readonly record struct Given<T>(bool IsGiven, T? Value)
{
    /// <summary>The field with this value.</summary>
    public static implicit operator Given<T>(T? value) => new(IsGiven: true, value);
}

/// <summary>A checked request to create or update a user. What it leaves out stays as it is.</summary>
public sealed record UserChange
{
    /// <summary>E.164.</summary>
    public Given<string> PhoneNumber { get; init; }

    /// <summary>What the person is called by.</summary>
    public Given<string> FirstName { get; init; }

    /// <summary>A canonical IANA id.</summary>
    public Given<string> Timezone { get; init; }

    /// <summary>The first quiet local time.</summary>
    public Given<LocalTime?> QuietHoursStart { get; init; }

    /// <summary>The first local time that is quiet no more.</summary>
    public Given<LocalTime?> QuietHoursEnd { get; init; }

    /// <summary>False turns quiet hours off; null is true.</summary>
    public Given<bool?> QuietHoursEnabled { get; init; }

    /// <summary>Deliveries in 60 minutes.</summary>
    public Given<int?> HourlyLimit { get; init; }

    /// <summary>Deliveries on a local day.</summary>
    public Given<int?> DailyLimit { get; init; }

    /// <summary>True does what a STOP does, false what a START does. Null: left out.</summary>
    public bool? OptedOut { get; init; }

    /// <summary>The name of the key that it came with; null: none, or one without a name.</summary>
    public string? ChangedBy { get; init; }

    /// <summary>Whether it bears on what <c>user_message_budget</c> holds.</summary>
    public bool GivesBudget => HourlyLimit.IsGiven || DailyLimit.IsGiven || QuietHoursEnabled.IsGiven;
}
