using NodaTime;

namespace Orchestrator.Core;

/// <summary>
/// Decides what becomes of one person's messages. The rules are asked in one order everywhere: what decides a delivery
/// also finds the next slot, so a predicted time is a true one.
/// </summary>
/// <remarks>
/// One instance serves one person in one batch: each delivery and each slot it grants counts for the messages that follow.
/// Give it the messages in <see cref="Order"/>.
/// </remarks>
/// <param name="recipient">The person.</param>
/// <param name="rules">The rules for everyone.</param>
/// <param name="higherLanesDue">How many messages of higher lanes than low are due, over all users; it need not be exact above <see cref="DeliveryRules.BusyAbove"/>.</param>
public sealed class DeliveryPolicy(Recipient recipient, DeliveryRules rules, int higherLanesDue = 0)
{
    /// <summary>Bounds the search for a slot; far above what any set of rules needs.</summary>
    private const int MostSteps = 100_000;

    private readonly Timeline _timeline = new(recipient, rules);

    /// <summary>Where the rules that hold back every message have left no room; other rules hold back more, and none of them less.</summary>
    private FullSpan _full;

    /// <summary>The same for urgent messages, where they go in quiet hours.</summary>
    private FullSpan _fullForUrgent;

    /// <summary>
    /// The order of one person's messages: lane, then the time they were first scheduled for, then age. Of those that tie, the ones that were
    /// given a slot come first: a batch claims in no order of its own, and would give a slot of an earlier batch once more.
    /// </summary>
    public static IReadOnlyList<QueuedMessage> Order(IEnumerable<QueuedMessage> messages, Instant now, DeliveryRules rules)
    {
        List<QueuedMessage> ordered = [.. messages];
        ordered.Sort(Compare);
        return ordered;

        int Compare(QueuedMessage one, QueuedMessage other)
        {
            var order = one.LaneAt(now, rules) - other.LaneAt(now, rules);
            if (order == 0)
                order = one.WaitingSince.CompareTo(other.WaitingSince);
            if (order == 0)
                order = one.CreatedAt.CompareTo(other.CreatedAt);
            if (order == 0)
                order = other.HasBeenHeld.CompareTo(one.HasBeenHeld);
            return order == 0 ? one.Id.CompareTo(other.Id) : order;
        }
    }

    /// <summary>Decides a due message at <paramref name="now"/> and takes the slot it gets.</summary>
    public Decision Decide(QueuedMessage message, Instant now)
    {
        if (message.IsBroken)
            return Decision.Cancel.Now;
        if (message.ExpiresAt <= now)
            return Decision.Expire.Now;
        if (WhyNever(message) is { } failure)
            return new Decision.Fail(failure);
        if (message.CompleteBy is { } completeBy)
            return AwaitOthers(message, completeBy, now);

        var (slot, hold) = FirstAllowed(message, now, now);
        if (message.ExpiresAt <= slot)
            return new Decision.Defer(hold!.Value, message.ExpiresAt.Value, Expires: true);

        _timeline.Add(slot);
        return hold is { } by ? new Decision.Defer(by, slot)
            : message.NeedsModel ? Decision.Render.Now
            : Decision.Deliver.Now;
    }

    /// <summary>Takes the slot that a message already waiting will get, so that what is decided next comes after it.</summary>
    public void Reserve(QueuedMessage waiting, Instant now)
    {
        if (waiting.CompleteBy is not null || waiting.IsBroken || WhyNever(waiting) is not null)
            return;

        // What a model is at goes as soon as it is ready, not when its lease has ended: the present slot is its.
        var from = waiting.IsWithModel ? now : Instant.Max(now, waiting.ScheduledFor);
        ref var full = ref (IgnoresQuietHours(waiting) ? ref _fullForUrgent : ref _full);
        var (slot, _) = FirstAllowed(waiting, full.Skip(from), now);
        if (!MayWaitByItself(waiting, from))
            full.Learn(from, slot);
        if (!(waiting.ExpiresAt <= slot))
            _timeline.Add(slot);
    }

    /// <summary>What misses parts of its sequence takes no slot: nobody knows whether, and when, they come.</summary>
    private static Decision AwaitOthers(QueuedMessage message, Instant completeBy, Instant now) =>
        completeBy <= now ? new Decision.Fail(Failure.SequenceIncomplete)
        : new Decision.Defer(Hold.SequenceUnfinished, message.ExpiresAt is { } expiry ? Instant.Min(completeBy, expiry) : completeBy);

    private Failure? WhyNever(QueuedMessage message) =>
        !recipient.HasPhoneNumber ? Failure.NoPhoneNumber
        : recipient.OptedOut ? Failure.OptedOut
        : message.HasLostItsConversation ? Failure.ConversationNotFound
        : !message.HasContent && !message.NeedsModel ? Failure.NoContent
        : null;

    /// <summary>
    /// The first instant at or after <paramref name="from"/> at which no rule holds the message back; and the rule that holds it back the
    /// longest until then, null where none does. The caller's own time is told only where no other rule comes after it: it is known.
    /// </summary>
    private (Instant At, Hold? By) FirstAllowed(QueuedMessage message, Instant from, Instant now)
    {
        Hold? by = null;
        var longest = Duration.Zero;
        // Each rule answers with the first instant that it allows itself; none moves the time back. So the first instant at
        // which none objects is the first that all allow.
        for (var step = 0; step < MostSteps && FirstHold(message, from, now) is { } hold; step++)
        {
            var wait = hold.By == Hold.NotBefore ? Duration.Zero : hold.Until - from;
            if (by is null || wait > longest)
                (by, longest) = (hold.By, wait);
            from = hold.Until;
            if (_timeline.IsBlocked(recipient.IsActive(from, rules)))
                break;
        }

        return (from, by);
    }

    /// <summary>The first rule that holds the message back at <paramref name="at"/>, and the first later instant that this rule allows.</summary>
    private (Hold By, Instant Until)? FirstHold(QueuedMessage message, Instant at, Instant now)
    {
        var active = recipient.IsActive(at, rules);
        var quiet = recipient.QuietHours ?? rules.QuietHours;

        if (at < message.NotBefore)
            return (Hold.NotBefore, message.NotBefore.Value);

        if (_timeline.FirstOutsideCooldown(at) is var cooled && cooled > at)
            return (Hold.Cooldown, cooled);

        if (!active && _timeline.FirstWithinHourlyLimit(at) is var hourly && hourly > at)
            return (Hold.HourlyLimit, hourly);

        if (_timeline.FirstWithinDailyLimit(at) is var daily && daily > at)
            return (Hold.DailyLimit, daily);

        if (!active && !IgnoresQuietHours(message) && quiet.AreOn(at, recipient.Zone))
            return (Hold.QuietHours, quiet.FirstOutside(at, recipient.Zone));

        // Nobody can tell how busy the queue will be later, so only the present counts.
        if (at == now && IsPutOff(message, now))
            return (Hold.QueueBusy, Instant.Min(now + rules.LowDeferral, message.EligibleAt + rules.LongestDelay));

        if (!active && message.CanDelay && message.Lane >= Lane.Medium && at < message.BestAt)
            return (Hold.BestTime, message.BestAt.Value);

        return null;
    }

    private bool IgnoresQuietHours(QueuedMessage message) => message.Lane == Lane.Urgent && rules.UrgentIgnoresQuietHours;

    /// <summary>Whether a rule may hold the message back that would not hold back another.</summary>
    private static bool MayWaitByItself(QueuedMessage message, Instant from) =>
        message.NotBefore > from || message.BestAt > from || message.Lane == Lane.Low;

    private bool IsPutOff(QueuedMessage message, Instant now) =>
        message.CanDelay
        && message.LaneAt(now, rules) == Lane.Low
        && (higherLanesDue > rules.BusyAbove || recipient.HasHigherLaneWaiting);
}
