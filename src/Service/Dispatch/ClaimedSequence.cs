using Orchestrator.Core;

namespace Orchestrator.Service.Dispatch;

/// <summary>A sequence as the database has it.</summary>
/// <param name="State">All its messages that have arrived.</param>
/// <param name="Waiting">Those that still wait, in the order in which they go.</param>
internal sealed record ClaimedSequence(Sequence State, IReadOnlyList<ClaimedMessage> Waiting)
{
    /// <summary>The sequence of rows of LoadSequences or FindSequence; at least one.</summary>
    public static ClaimedSequence Of(IReadOnlyList<ClaimedMessage> rows) => new(
        new Sequence([.. rows.Select(row => new SequenceMember(row.SequencePosition, row.SequenceTotal, row.CreatedAt, row.Status switch
        {
            "queued" => SequenceMemberState.Waiting,
            "sent" => SequenceMemberState.Delivered,
            _ => SequenceMemberState.Ended,
        }))]),
        [.. rows.Where(row => row.Status == "queued")]);

    /// <summary>
    /// Waiting messages as the rules see them when they look for free slots: a sequence takes one, and none while messages of it are
    /// missing, which its rows say themselves: not all of them need be among those given.
    /// </summary>
    /// <param name="waiting">The messages.</param>
    /// <param name="hasModel">Whether there is a model, which will write those that have no text.</param>
    public static IEnumerable<QueuedMessage> TogetherIn(IReadOnlyList<ClaimedMessage> waiting, bool hasModel)
    {
        // Mostly there are no sequences, and few messages.
        if (waiting.All(message => message.SequenceId is null))
            return waiting.Select(AsQueued);

        return
            from message in waiting
            group message by message.SequenceId ?? message.Id into together
            where together.All(m => m.SequenceId is null || m.Reason != Hold.SequenceUnfinished.Code())
            select Sequence.Together([.. together.Select(AsQueued)]);

        QueuedMessage AsQueued(ClaimedMessage message) => message.ToQueuedMessage(needsModel: hasModel && !message.HasContent);
    }
}
