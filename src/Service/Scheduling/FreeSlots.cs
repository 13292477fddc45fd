using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.Scheduling;

/// <summary>
/// One user's slots while messages are scheduled. Each new message is decided behind everything that goes before it, as the next
/// dispatches will, and takes its slot, so that those that follow in the same request find it taken.
/// </summary>
internal sealed class FreeSlots
{
    /// <summary>
    /// Among more waiting messages than these, one that comes between others takes a slot that they leave, and they are not moved for it:
    /// giving all of them their slots anew for each message of a large request would take too long.
    /// </summary>
    private const int MostReplayed = 200;

    private readonly SchedulingContext _context;
    private readonly Settings _settings;
    private readonly IComparer<QueuedMessage> _order;

    /// <summary>What waits, in the order in which it goes.</summary>
    private readonly List<QueuedMessage> _waiting;

    /// <summary>One for each lane of a new message; null: not asked for yet, or out of date.</summary>
    private readonly Taken?[] _taken = new Taken?[Lanes.Names.Count];

    /// <param name="context">What is known of the user.</param>
    /// <param name="waiting">What waits besides the new messages.</param>
    /// <param name="recipients">Reads the user as the rules see them.</param>
    /// <param name="settings">The rules.</param>
    public FreeSlots(SchedulingContext context, IReadOnlyList<ClaimedMessage> waiting, Recipients recipients, Settings settings)
    {
        _context = context;
        _settings = settings;
        _order = DeliveryPolicy.OrderAt(context.Now, settings.Rules);
        _waiting = [.. ClaimedSequence.TogetherIn(waiting, hasModel: settings.Model is not null)];
        _waiting.Sort(_order);
        Recipient = recipients.Create(context.User!, context.Budgets, HasHigherLane(waiting, context.Now));
    }

    /// <summary>The user as the rules see them.</summary>
    public Recipient Recipient { get; private set; }

    /// <summary>Decides a message in its place among those waiting, as a dispatch would, and takes the slot it gets.</summary>
    public Decision Take(QueuedMessage message)
    {
        var place = PlaceOf(message);
        var taken = TakenBefore(place, message.Lane);
        var decision = taken.Policy.Decide(message, _context.Now);
        Instant? slot = decision switch
        {
            Decision.Defer defer => defer.Until,
            Decision.Deliver or Decision.Render => _context.Now,
            _ => null,
        };
        if (slot is { } at)
            Add(message with { ScheduledFor = at, HasBeenHeld = decision is Decision.Defer }, taken);
        return decision;
    }

    /// <summary>Lets the message go before what comes after it.</summary>
    /// <param name="message">The message, with its slot.</param>
    /// <param name="knowing">Where it has taken the slot already.</param>
    private void Add(QueuedMessage message, Taken knowing)
    {
        var place = PlaceOf(message);
        _waiting.Insert(place, message);
        knowing.Count++;
        for (var lane = 0; lane < _taken.Length; lane++)
        {
            if (_taken[lane] is not { } other || other == knowing || other.Count <= place)
                continue;
            if (_waiting.Count <= MostReplayed)
                _taken[lane] = null;
            else
                other.Reserve(message, _context.Now);
        }

        if (message.Lane != Lane.Low && message.EligibleAt <= _context.Now && !Recipient.HasHigherLaneWaiting)
        {
            // Only low messages ask for it, and what is decided of the next one must know.
            Recipient = Recipient with { HasHigherLaneWaiting = true };
            _taken[(int)Lane.Low] = null;
        }
    }

    /// <summary>How many of those waiting go before the message.</summary>
    private int PlaceOf(QueuedMessage message)
    {
        var index = _waiting.BinarySearch(message, _order);
        return index < 0 ? ~index : index;
    }

    /// <summary>The slots of the first so many of those waiting.</summary>
    private Taken TakenBefore(int place, Lane lane)
    {
        ref var taken = ref _taken[(int)lane];
        if (taken is null || (taken.Count > place && _waiting.Count <= MostReplayed))
            taken = new Taken(new DeliveryPolicy(Recipient, _settings.Rules, _context.HigherLanesDue));
        while (taken.Count < place)
            taken.Reserve(_waiting[taken.Count], _context.Now);
        return taken;
    }

    /// <summary>The slots of those that wait, from the first on.</summary>
    /// <param name="policy">Knows the slots.</param>
    private sealed class Taken(DeliveryPolicy policy)
    {
        public DeliveryPolicy Policy => policy;

        /// <summary>How many of those waiting have their slots.</summary>
        public int Count { get; set; }

        public void Reserve(QueuedMessage message, Instant now)
        {
            policy.Reserve(message, now);
            Count++;
        }
    }

    private static bool HasHigherLane(IEnumerable<ClaimedMessage> waiting, Instant now) => waiting.Any(m =>
        m.Priority != Lane.Low.Name() && (m.NotBefore is null || m.NotBefore <= now) && m.Reason != Hold.SequenceUnfinished.Code());
}
