using NodaTime;

namespace Orchestrator.Core;

/// <summary>The deliveries to one person that cooldown and budgets count.</summary>
/// <param name="Recent">The instants of the deliveries of at least the last 60 minutes, in any order.</param>
/// <param name="PerDay">How many were delivered on the person's local days; a day that is missing had none.</param>
public sealed record DeliveryHistory(IReadOnlyList<Instant> Recent, IReadOnlyDictionary<LocalDate, int> PerDay)
{
    /// <summary>Nothing delivered.</summary>
    public static DeliveryHistory Empty { get; } = new([], new Dictionary<LocalDate, int>());
}
