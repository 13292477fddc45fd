using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.Scheduling;

/// <summary>
/// One user's slots while messages are scheduled. Each new message is decided behind everything that waits in its lane or a better
/// one, as the next dispatches will, and takes its slot, so that those that follow in the same request come after it.
/// </summary>
internal sealed class FreeSlots
{
    private readonly SchedulingContext _context;
    private readonly Settings _settings;
    private readonly List<QueuedMessage> _waiting;

    /// <summary>One for each lane of a new message, holding what goes before it; null: not asked for yet.</summary>
    private readonly DeliveryPolicy?[] _policies = new DeliveryPolicy?[Lanes.Names.Count];

    /// <param name="context">What is known of the user.</param>
    /// <param name="waiting">What goes before the new messages.</param>
    /// <param name="recipients">Reads the user as the rules see them.</param>
    /// <param name="settings">The rules.</param>
    public FreeSlots(SchedulingContext context, IReadOnlyList<ClaimedMessage> waiting, Recipients recipients, Settings settings)
    {
        _context = context;
        _settings = settings;
        _waiting = [.. ClaimedSequence.TogetherIn(waiting, hasModel: settings.Model is not null)];
        Recipient = recipients.Create(context.User!, context.Budgets, HasHigherLane(waiting, context.Now));
    }

    /// <summary>The user as the rules see them.</summary>
    public Recipient Recipient { get; private set; }

    /// <summary>Decides a new message as a dispatch would, and takes the slot it gets.</summary>
    public Decision Take(QueuedMessage message)
    {
        var now = _context.Now;
        var decision = PolicyOf(message.Lane).Decide(message, now);
        Instant? slot = decision switch
        {
            Decision.Defer defer => defer.Until,
            Decision.Deliver or Decision.Render => now,
            _ => null,
        };
        if (slot is { } at)
            Add(message with { ScheduledFor = at, HasBeenHeld = decision is Decision.Defer });
        return decision;
    }

    /// <summary>Decides a message that has its place among those waiting, as a dispatch would.</summary>
    public Decision Place(QueuedMessage message)
    {
        var policy = new DeliveryPolicy(Recipient, _settings.Rules, _context.HigherLanesDue);
        foreach (var before in DeliveryPolicy.Order(_waiting.Append(message), _context.Now, _settings.Rules).TakeWhile(m => m.Id != message.Id))
            policy.Reserve(before, _context.Now);
        return policy.Decide(message, _context.Now);
    }

    /// <summary>Lets the message go before what follows in its lane or a worse one; its own lane's policy knows it already.</summary>
    private void Add(QueuedMessage message)
    {
        _waiting.Add(message);
        for (var lane = message.Lane + 1; lane <= Lane.Low; lane++)
            _policies[(int)lane]?.Reserve(message, _context.Now);

        if (message.Lane != Lane.Low && message.EligibleAt <= _context.Now && !Recipient.HasHigherLaneWaiting)
        {
            // Only low messages ask for it, and what is decided of the next one must know.
            Recipient = Recipient with { HasHigherLaneWaiting = true };
            _policies[(int)Lane.Low] = null;
        }
    }

    private DeliveryPolicy PolicyOf(Lane lane)
    {
        if (_policies[(int)lane] is { } known)
            return known;

        var policy = new DeliveryPolicy(Recipient, _settings.Rules, _context.HigherLanesDue);
        foreach (var before in DeliveryPolicy.Order(_waiting.Where(m => m.Lane <= lane), _context.Now, _settings.Rules))
            policy.Reserve(before, _context.Now);
        return _policies[(int)lane] = policy;
    }

    private static bool HasHigherLane(IEnumerable<ClaimedMessage> waiting, Instant now) => waiting.Any(m =>
        m.Priority != Lane.Low.Name() && (m.NotBefore is null || m.NotBefore <= now) && m.Reason != Hold.SequenceUnfinished.Code());
}
