using NodaTime;

namespace Orchestrator.Core;

/// <summary>
/// One person's deliveries, past and planned, and where cooldown and budgets leave room among them. A planned delivery
/// takes its slot and its share of the budgets, so that several waiting messages spread over successive slots.
/// </summary>
internal sealed class Timeline
{
    private readonly DeliveryRules _rules;
    private readonly DateTimeZone _zone;
    private readonly List<Instant> _deliveries;
    private readonly Dictionary<LocalDate, int> _perDay;
    private readonly int? _hourlyLimit;
    private readonly int? _dailyLimit;

    public Timeline(Recipient recipient, DeliveryRules rules)
    {
        _rules = rules;
        _zone = recipient.Zone;
        _deliveries = [.. recipient.History.Recent.Order()];
        _perDay = new Dictionary<LocalDate, int>(recipient.History.PerDay);
        _hourlyLimit = recipient.HourlyLimit ?? rules.HourlyLimit;
        _dailyLimit = recipient.DailyLimit ?? rules.DailyLimit;
    }

    /// <summary>Whether a limit of nought allows nothing at any time, so that looking for a slot is vain.</summary>
    public bool IsBlocked(bool active) => _dailyLimit <= 0 || (_hourlyLimit <= 0 && !active);

    /// <summary>Takes the slot.</summary>
    public void Add(Instant at)
    {
        var index = _deliveries.BinarySearch(at);
        _deliveries.Insert(index < 0 ? ~index : index, at);
        if (_dailyLimit is null)
            return;

        var day = LocalDay.Of(at, _zone);
        _perDay[day] = _perDay.GetValueOrDefault(day) + 1;
    }

    /// <summary>The first instant at or after <paramref name="from"/> with no other delivery within the cooldown, either way.</summary>
    public Instant FirstOutsideCooldown(Instant from)
    {
        var index = _deliveries.BinarySearch(from - _rules.Cooldown);
        for (var i = index < 0 ? ~index : index; i < _deliveries.Count; i++)
        {
            if (_deliveries[i] >= from + _rules.Cooldown)
                break;
            from = Instant.Max(from, _deliveries[i] + _rules.Cooldown);
        }

        return from;
    }

    /// <summary>The first instant at or after <paramref name="from"/> whose preceding 60 minutes leave room under the hourly limit.</summary>
    public Instant FirstWithinHourlyLimit(Instant from)
    {
        if (_hourlyLimit is not { } limit)
            return from;
        if (limit <= 0)
            return from + Duration.FromHours(1);

        while (true)
        {
            // The window is (from - 60 min, from]: a delivery leaves it exactly 60 minutes later.
            var first = FirstAfter(from - Duration.FromHours(1));
            var end = FirstAfter(from);
            if (end - first < limit)
                return from;
            from = _deliveries[end - limit] + Duration.FromHours(1);
        }
    }

    /// <summary>The first instant at or after <paramref name="from"/> on a local day with room under the daily limit.</summary>
    public Instant FirstWithinDailyLimit(Instant from)
    {
        if (_dailyLimit is not { } limit)
            return from;
        if (limit <= 0)
            return LocalDay.NextStart(from, _zone);

        while (_perDay.GetValueOrDefault(LocalDay.Of(from, _zone)) >= limit)
            from = LocalDay.NextStart(from, _zone);

        return from;
    }

    private int FirstAfter(Instant at)
    {
        int low = 0, high = _deliveries.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (_deliveries[middle] <= at)
                low = middle + 1;
            else
                high = middle;
        }

        return low;
    }
}
