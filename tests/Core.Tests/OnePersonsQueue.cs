namespace Orchestrator.Core.Tests;

/// <summary>
/// One person's queue played forward in time: what is due is decided, what is deferred comes again at its time, what is
/// delivered becomes history. Each delivery is checked against <see cref="PlainRules"/> at the instant it is made.
/// </summary>
internal sealed class OnePersonsQueue(Recipient recipient, DeliveryRules rules)
{
    private readonly List<QueuedMessage> _waiting = [];
    private readonly Dictionary<LocalDate, int> _perDay = new(recipient.History.PerDay);
    private readonly List<Instant> _deliveries = [.. recipient.History.Recent];
    private readonly Dictionary<Guid, int> _decisions = [];
    private Instant? _lastInboundAt = recipient.LastInboundAt;

    /// <summary>Waiting, in no order.</summary>
    public IReadOnlyList<QueuedMessage> Waiting => _waiting;

    /// <summary>What was delivered and when, first things first.</summary>
    public List<(Instant At, QueuedMessage Message)> Delivered { get; } = [];

    /// <summary>Each deferral in the order in which they were decided.</summary>
    public List<(QueuedMessage Message, Decision.Defer Decision)> Deferred { get; } = [];

    /// <summary>How many messages have expired or failed.</summary>
    public int GivenUp { get; private set; }

    /// <summary>How often each message was decided.</summary>
    public IReadOnlyDictionary<Guid, int> Decisions => _decisions;

    /// <summary>When the next message is due; null where none waits.</summary>
    public Instant? NextDue => _waiting.Count == 0 ? null : _waiting.Min(m => m.ScheduledFor);

    public void Add(params IEnumerable<QueuedMessage> messages) => _waiting.AddRange(messages);

    /// <summary>The person writes.</summary>
    public void Write(Instant at) => _lastInboundAt = at;

    /// <summary>Decides everything due, again and again at the very instants at which something is, until nothing waits.</summary>
    public void PlayToTheEnd(Instant from)
    {
        for (var now = from; NextDue is { } due;)
        {
            now = Instant.Max(now, due);
            Dispatch(now);
        }
    }

    /// <summary>One dispatch: decides everything due.</summary>
    public void Dispatch(Instant now)
    {
        var state = recipient with
        {
            LastInboundAt = _lastInboundAt,
            HasHigherLaneWaiting = _waiting.Exists(m => m.Lane != Lane.Low && !(m.NotBefore > now)),
            History = new DeliveryHistory([.. _deliveries.Where(at => at > now - Duration.FromMinutes(61))], new Dictionary<LocalDate, int>(_perDay)),
        };
        var plain = new PlainRules(state, rules);
        var policy = new DeliveryPolicy(state, rules);

        foreach (var message in DeliveryPolicy.Order([.. _waiting.Where(m => m.ScheduledFor <= now)], now, rules))
        {
            _decisions[message.Id] = _decisions.GetValueOrDefault(message.Id) + 1;
            _waiting.Remove(message);
            switch (policy.Decide(message, now))
            {
                case Decision.Deliver:
                    plain.WhatHolds(message, now).ShouldBeNull($"{message} delivered at {now}");
                    (message.ExpiresAt <= now).ShouldBeFalse($"{message} delivered at {now}");
                    plain.Delivered(now);
                    _deliveries.Add(now);
                    var day = now.InZone(recipient.Zone).Date;
                    _perDay[day] = _perDay.GetValueOrDefault(day) + 1;
                    Delivered.Add((now, message));
                    break;
                case Decision.Defer deferred:
                    deferred.Until.ShouldBeGreaterThan(now, $"{message} would come again at once, for ever");
                    Deferred.Add((message, deferred));
                    _waiting.Add(message with { ScheduledFor = deferred.Until, HasBeenHeld = true });
                    break;
                default:
                    GivenUp++;
                    break;
            }
        }
    }
}
