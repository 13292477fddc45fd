using NodaTime;

namespace Orchestrator.Core;

/// <summary>
/// One person's deliveries, past and planned, and where cooldown and budgets leave room among them. A planned delivery
/// takes its slot and its share of the budgets, so that several waiting messages spread over successive slots.
/// </summary>
internal sealed class Timeline
{
    /// <summary>The span that the hourly limit looks back over.</summary>
    public static readonly Duration Window = Duration.FromHours(1);

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

    /// <summary>
    /// The first instant at or after <paramref name="from"/> that leaves no 60 minutes with more deliveries than the hourly limit,
    /// those planned for later included.
    /// </summary>
    public Instant FirstWithinHourlyLimit(Instant from)
    {
        if (_hourlyLimit is not { } limit)
            return from;
        if (limit <= 0)
            return from + Window;

        while (FullWindow(from, limit) is { } first)
            from = first + Window;
        return from;
    }

    /// <summary>
    /// The first of <paramref name="limit"/> successive deliveries that one more at <paramref name="at"/> would make too many for
    /// any 60 minutes; null: there are none such. The window is half open: a delivery leaves it exactly 60 minutes later.
    /// </summary>
    private Instant? FullWindow(Instant at, int limit)
    {
        var before = FirstAfter(at);
        for (var i = Math.Max(0, before - limit); i <= before && i + limit <= _deliveries.Count; i++)
        {
            var (first, last) = (_deliveries[i], _deliveries[i + limit - 1]);
            if (Instant.Max(last, at) - Instant.Min(first, at) < Window)
                return first;
        }

        return null;
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
