using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;

namespace Orchestrator.Service.Scheduling;

/// <summary>What is about to be stored for a request, and what its caller is told.</summary>
internal sealed record MessagePlan
{
    /// <summary>The ids of the new messages, ascending in their order; at least one.</summary>
    public required IReadOnlyList<Guid> Ids { get; init; }

    /// <summary>The new message, or the sequence it belongs to, as the rules see it.</summary>
    public required QueuedMessage Message { get; init; }

    /// <summary>What holds it back; null: nothing does.</summary>
    public Decision.Defer? Held { get; init; }

    /// <summary>What the caller is told, before any dispatch.</summary>
    public required ScheduleAnswer Answer { get; init; }

    /// <summary>The same as it is kept: whatever an urgent message may come to, it is queued first.</summary>
    public ScheduleAnswer AnswerOnceStored => Answer with { Status = "queued" };

    /// <summary>The same where nothing is stored.</summary>
    public ScheduleAnswer AnswerOfDryRun => Answer with { MessageId = null, MessageIds = null, DryRun = true };

    /// <summary>The sequence of the new messages; null: none.</summary>
    public Guid? SequenceId { get; init; }

    /// <summary>Whether it is to be dispatched inside the request: urgent, and nothing of it is missing.</summary>
    public bool IsUrgent => Message is { Lane: Lane.Urgent, CompleteBy: null };

    /// <summary>Decides the message as a dispatch would, behind everything of the user's that goes before it.</summary>
    /// <param name="request">The request, with ids as the database spells them.</param>
    /// <param name="context">What is known of its user.</param>
    /// <param name="recipients">Reads the user as the rules see them.</param>
    /// <param name="settings">The rules.</param>
    public static MessagePlan Make(ScheduleRequest request, SchedulingContext context, Recipients recipients, Settings settings) => Make(
        request, context, NewIds(1 + (request.Following?.Count ?? 0)),
        new FreeSlots(context, Remaining(request, context), recipients, settings), settings);

    /// <summary>The same, behind earlier messages of the same request too.</summary>
    /// <param name="request">The request, with ids as the database spells them.</param>
    /// <param name="context">What is known of its user.</param>
    /// <param name="ids">The ids of the new messages, ascending.</param>
    /// <param name="slots">The user's slots; the message takes its own.</param>
    /// <param name="settings">The rules.</param>
    public static MessagePlan Make(
        ScheduleRequest request, SchedulingContext context, IReadOnlyList<Guid> ids, FreeSlots slots, Settings settings)
    {
        var now = context.Now;
        var message = new QueuedMessage
        {
            Id = ids[0],
            Lane = request.Lane,
            CreatedAt = now,
            ScheduledFor = now,
            NotBefore = request.ScheduledFor,
            ExpiresAt = request.ExpiresAt,
            CanDelay = request.CanDelay,
            HasContent = request.HasContent,
            NeedsModel = !request.HasContent && settings.Model is not null,
        };
        if (request.Sequence is { } place)
            message = AsOne(message, place, context, settings.Rules, hasModel: settings.Model is not null);
        Guid? sequenceId = request.Sequence is null && request.Following is null ? null
            : context.Sequence.Count > 0 ? context.Sequence[0].SequenceId : Guid.CreateVersion7();

        message = WithBestTime(message, context, slots.Recipient, settings.Rules);
        var decision = slots.Take(message);
        var answer = AnswerFor(ids[0], decision, context.Now);
        // An urgent one is dispatched inside the request.
        if (message.Lane == Lane.Urgent)
            answer = answer with { Status = StatusAfter(decision) };
        return new MessagePlan
        {
            Ids = ids,
            Message = message,
            Held = decision as Decision.Defer,
            Answer = answer with { MessageIds = request.Following is null ? null : ids },
            SequenceId = sequenceId,
        };
    }

    /// <summary>New ids, ascending: of messages with one time of creation, the lower id goes first.</summary>
    public static Guid[] NewIds(int count) => [.. Enumerable.Range(0, count).Select(_ => Guid.CreateVersion7()).Order()];

    /// <summary>Decides anew a message that waits, or a sequence as one, as a dispatch would now, and finds its best time.</summary>
    /// <param name="message">The message; it has waited already, and goes before what has waited for less.</param>
    /// <param name="waiting">What else waits for its user in its lane and in those above.</param>
    /// <param name="context">What is known of its user, who exists.</param>
    /// <param name="recipients">Reads the user as the rules see them.</param>
    /// <param name="settings">The rules.</param>
    public static (QueuedMessage Message, Decision Decision) Foresee(
        QueuedMessage message, IReadOnlyList<ClaimedMessage> waiting, SchedulingContext context, Recipients recipients, Settings settings)
    {
        var slots = new FreeSlots(context, waiting, recipients, settings);
        message = WithBestTime(message, context, slots.Recipient, settings.Rules);
        return (message, slots.Place(message));
    }

    /// <summary>What a caller is told of a waiting message, before any dispatch.</summary>
    public static ScheduleAnswer AnswerFor(Guid id, Decision decision, Instant now) => decision switch
    {
        Decision.Defer defer => ScheduleAnswer.From(id, "queued", defer.Until, defer.By.Code()) with { Reason = defer.Sentence },
        Decision.Fail fail => ScheduleAnswer.From(id, "queued", now, fail.Because.Code()),
        Decision.Render => ScheduleAnswer.From(id, "queued", now, Reasons.Rendering),
        Decision.Expire => ScheduleAnswer.From(id, "queued", now, Reasons.Expired),
        Decision.Cancel => ScheduleAnswer.From(id, "queued", now, Reasons.SequenceBroken),
        _ => ScheduleAnswer.From(id, "queued", now, null),
    };

    private static string StatusAfter(Decision decision) => decision switch
    {
        Decision.Deliver => "sent",
        Decision.Fail => "failed",
        Decision.Expire => "expired",
        Decision.Cancel => "cancelled",
        _ => "queued",
    };

    private static QueuedMessage WithBestTime(QueuedMessage message, SchedulingContext context, Recipient recipient, DeliveryRules rules)
    {
        if (message is not { Lane: >= Lane.Medium, CanDelay: true, CompleteBy: null })
            return message;
        var hours = context.BestHours.Count > 0 ? context.BestHours : BestTime.LearnHours(context.Inbound, recipient.Zone);
        return message with { BestAt = BestTime.Choose(message.EligibleAt, hours, recipient, rules) };
    }

    /// <summary>The sequence with the new message in its place.</summary>
    private static QueuedMessage AsOne(
        QueuedMessage message, SequencePlace place, SchedulingContext context, DeliveryRules rules, bool hasModel)
    {
        var arrived = context.Sequence.Count > 0 ? ClaimedSequence.Of(context.Sequence) : new ClaimedSequence(new Sequence([]), []);
        var members = arrived.State.Members.Append(new SequenceMember(place.Position, place.Total, context.Now, SequenceMemberState.Waiting));
        return new Sequence([.. members]).AsOne([message, .. arrived.Waiting.Select(m => m.ToQueuedMessage(needsModel: hasModel && !m.HasContent))], rules);
    }

    /// <summary>What waits besides the message's own sequence and what it supersedes.</summary>
    private static List<ClaimedMessage> Remaining(ScheduleRequest request, SchedulingContext context)
    {
        var own = context.Sequence.Select(m => m.SequenceId).FirstOrDefault();
        var superseded = context.Waiting.Where(m => request.Topic is not null && m.Topic == request.Topic).ToList();
        var goes = superseded.Select(m => m.SequenceId).Append(own).Where(id => id is not null).ToHashSet();
        return [.. context.Waiting.Except(superseded).Where(m => !goes.Contains(m.SequenceId))];
    }
}
