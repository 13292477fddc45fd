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

    /// <summary>The first rule that holds it back; null: none does.</summary>
    public Hold? HeldBy { get; init; }

    /// <summary>What the caller is told, before any dispatch.</summary>
    public required ScheduleAnswer Answer { get; init; }

    /// <summary>The sequence of the new messages; null: none.</summary>
    public Guid? SequenceId { get; init; }

    /// <summary>Whether it is to be dispatched inside the request: urgent, and nothing of it is missing.</summary>
    public bool IsUrgent => Message is { Lane: Lane.Urgent, CompleteBy: null };

    /// <summary>Decides the message as a dispatch would, behind everything of the user's that goes before it.</summary>
    /// <param name="request">The request, with ids as the database spells them.</param>
    /// <param name="context">What is known of its user.</param>
    /// <param name="recipients">Reads the user as the rules see them.</param>
    /// <param name="settings">The rules.</param>
    public static MessagePlan Make(ScheduleRequest request, SchedulingContext context, Recipients recipients, Settings settings)
    {
        var now = context.Now;
        Guid[] ids = [.. Enumerable.Range(0, 1 + (request.Following?.Count ?? 0)).Select(_ => Guid.CreateVersion7()).Order()];
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

        (message, var decision) = Foresee(message, Remaining(request, context), keepsItsPlace: false, context, recipients, settings);
        var answer = AnswerFor(ids[0], decision, context.Now);
        if (decision is Decision.Deliver && message.Lane == Lane.Urgent)
            answer = answer with { Status = "sent" };
        return new MessagePlan
        {
            Ids = ids,
            Message = message,
            HeldBy = (decision as Decision.Defer)?.By,
            Answer = answer with { MessageIds = request.Following is null ? null : ids },
            SequenceId = sequenceId,
        };
    }

    /// <summary>Decides a message, or a sequence as one, as a dispatch would now, and finds its best time.</summary>
    /// <param name="message">The message.</param>
    /// <param name="waiting">What else waits for its user in its lane and in those above.</param>
    /// <param name="keepsItsPlace">Whether it has waited already, and goes before what has waited for less; a new one goes last.</param>
    /// <param name="context">What is known of its user, who exists.</param>
    /// <param name="recipients">Reads the user as the rules see them.</param>
    /// <param name="settings">The rules.</param>
    public static (QueuedMessage Message, Decision Decision) Foresee(
        QueuedMessage message, IReadOnlyCollection<ClaimedMessage> waiting, bool keepsItsPlace, SchedulingContext context, Recipients recipients,
        Settings settings)
    {
        var (now, rules) = (context.Now, settings.Rules);
        var recipient = recipients.Create(context.User!, context.Budgets, HasHigherLane(waiting, now));
        if (message is { Lane: >= Lane.Medium, CanDelay: true, CompleteBy: null })
        {
            var hours = context.BestHours.Count > 0 ? context.BestHours : BestTime.LearnHours(context.Inbound, recipient.Zone);
            message = message with { BestAt = BestTime.Choose(message.EligibleAt, hours, recipient, rules) };
        }

        var others = ClaimedSequence.TogetherIn(waiting, hasModel: settings.Model is not null);
        var before = keepsItsPlace
            ? DeliveryPolicy.Order(others.Append(message), now, rules).TakeWhile(m => m.Id != message.Id)
            : DeliveryPolicy.Order(others.Where(m => m.Lane <= message.Lane), now, rules);
        var policy = new DeliveryPolicy(recipient, rules, context.HigherLanesDue);
        foreach (var other in before)
            policy.Reserve(other, now);
        return (message, policy.Decide(message, now));
    }

    /// <summary>What a caller is told of a waiting message, before any dispatch.</summary>
    public static ScheduleAnswer AnswerFor(Guid id, Decision decision, Instant now) => decision switch
    {
        Decision.Defer defer => ScheduleAnswer.From(id, "queued", defer.Until, defer.By.Code()),
        Decision.Fail fail => ScheduleAnswer.From(id, "queued", now, fail.Because.Code()),
        Decision.Render => ScheduleAnswer.From(id, "queued", now, Reasons.Rendering),
        Decision.Expire => ScheduleAnswer.From(id, "queued", now, Reasons.Expired),
        Decision.Cancel => ScheduleAnswer.From(id, "queued", now, Reasons.SequenceBroken),
        _ => ScheduleAnswer.From(id, "queued", now, null),
    };

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

    private static bool HasHigherLane(IEnumerable<ClaimedMessage> waiting, Instant now) => waiting.Any(m =>
        m.Priority != Lane.Low.Name() && (m.NotBefore is null || m.NotBefore <= now) && m.Reason != Hold.SequenceUnfinished.Code());
}
