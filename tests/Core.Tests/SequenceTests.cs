namespace Orchestrator.Core.Tests;

public sealed class SequenceTests
{
    private static readonly Instant Later = Some.Noon + Duration.FromHours(1);

    private static SequenceMember Member(int? position, int? total = 3, SequenceMemberState state = SequenceMemberState.Waiting, Instant? at = null) =>
        new(position, total, at ?? Some.Noon, state);

    private static Sequence Of(params SequenceMember[] members) => new(members);

    [Fact]
    public void It_is_complete_when_every_position_is_there_in_whatever_order_and_delivered_ones_count()
    {
        Of(Member(3), Member(1)).IsComplete.ShouldBeFalse();
        Of(Member(3), Member(1), Member(2)).IsComplete.ShouldBeTrue();
        Of(Member(3), Member(1), Member(2, state: SequenceMemberState.Delivered)).IsComplete.ShouldBeTrue();
    }

    [Fact]
    public void A_position_that_is_there_twice_does_not_stand_for_one_that_is_missing() =>
        Of(Member(1), Member(1), Member(2)).IsComplete.ShouldBeFalse();

    [Fact]
    public void Rows_without_positions_or_total_are_all_there_are()
    {
        Of(Member(null, null), Member(null, null)).IsComplete.ShouldBeTrue();
        Of(Member(null, 2)).IsComplete.ShouldBeFalse();
        Of(Member(null, 2), Member(1, 2)).IsComplete.ShouldBeTrue();
    }

    [Theory]
    [InlineData(2, 3, null)]
    [InlineData(1, 3, SequenceConflict.PositionTaken)]
    [InlineData(2, 4, SequenceConflict.TotalDiffers)]
    public void It_takes_a_free_position_of_the_same_total(int position, int total, SequenceConflict? conflict) =>
        Of(Member(1)).ConflictWith(position, total).ShouldBe(conflict);

    [Theory, InlineData(SequenceMemberState.Delivered), InlineData(SequenceMemberState.Ended)]
    public void It_takes_nothing_once_a_part_of_it_has_left_the_queue(SequenceMemberState state) =>
        Of(Member(1), Member(2, state: state)).ConflictWith(3, 3).ShouldBe(SequenceConflict.Ended);

    [Fact]
    public void While_messages_are_missing_it_waits_until_its_time_is_over_counted_from_the_first()
    {
        var sequence = Of(Member(2, at: Later), Member(1));
        var one = sequence.AsOne(Some.Messages(Lane.High, Lane.High), Some.Rules);

        Some.Recipient.Decide(one, at: Later).ShouldBeHeld(Hold.SequenceUnfinished, Some.Noon + Duration.FromHours(24));
        Some.Recipient.Decide(one, at: Some.Noon + Duration.FromHours(24)).ShouldBe(new Decision.Fail(Failure.SequenceIncomplete));
    }

    [Fact]
    public void Where_it_expires_before_its_time_is_over_it_waits_for_that()
    {
        var one = Of(Member(1)).AsOne([Some.Message.ExpiringAt(Later)], Some.Rules);

        Some.Recipient.Decide(one).ShouldBeHeld(Hold.SequenceUnfinished, Later);
        Some.Recipient.Decide(one, at: Later).ShouldBe(Decision.Expire.Now);
    }

    [Fact]
    public void While_messages_are_missing_it_takes_no_slot()
    {
        var policy = new DeliveryPolicy(Some.Recipient, Some.Rules);
        var incomplete = Of(Member(1)).AsOne([Some.Message], Some.Rules);

        policy.Reserve(incomplete, Some.Noon);
        policy.Decide(incomplete, Some.Noon);

        policy.Decide(Some.Message.Numbered(2), Some.Noon).ShouldBeDelivered();
    }

    [Fact]
    public void It_takes_one_slot_however_many_messages_it_has()
    {
        var policy = new DeliveryPolicy(Some.Recipient.WithHourlyLimit(2), Some.Rules);
        var one = Of(Member(1), Member(2), Member(3)).AsOne(Some.Messages(Lane.High, Lane.High, Lane.High), Some.Rules);

        policy.Decide(one, Some.Noon).ShouldBeDelivered();

        policy.Decide(Some.Message.Numbered(9), Some.Noon).ShouldBeHeld(Hold.Cooldown, Some.Noon + Duration.FromSeconds(30));
    }

    [Fact]
    public void Once_a_message_has_ended_otherwise_the_rest_is_called_off_whatever_else_could_be_said_of_it()
    {
        var one = Of(Member(1, state: SequenceMemberState.Ended), Member(2)).AsOne([Some.Message.ExpiringAt(Some.Noon)], Some.Rules);

        (Some.Recipient with { OptedOut = true }).Decide(one).ShouldBe(Decision.Cancel.Now);
    }

    [Fact]
    public void It_goes_in_the_best_lane_from_the_latest_time_until_the_earliest_expiry()
    {
        var one = Sequence.Together(
        [
            Some.Message.InLane(Lane.Low).NotBefore(Later).ExpiringAt(Later + Duration.FromHours(2)),
            Some.Message.Numbered(2).InLane(Lane.High).ThatCannotWait().ExpiringAt(Later + Duration.FromHours(1)),
            Some.Message.Numbered(3).InLane(Lane.Medium),
        ]);

        (one.Id, one.Lane, one.NotBefore, one.ExpiresAt, one.CanDelay).ShouldBe(
            (Some.Message.Id, Lane.High, Later, Later + Duration.FromHours(1), false));
    }

    [Fact]
    public void A_message_that_nothing_has_held_back_yet_is_not_due_before_it_is_scheduled()
    {
        Some.Recipient.Decide(Sequence.Together([Some.Message, Some.Message.Numbered(2).ScheduledFor(Later)])).ShouldBeHeld(Hold.NotBefore, Later);
        Some.Recipient.Decide(Sequence.Together([Some.Message, Some.Message.Numbered(2).ScheduledFor(Later) with { HasBeenHeld = true }])).ShouldBeDelivered();
    }

    [Fact]
    public void One_message_without_a_text_or_a_conversation_fails_them_all()
    {
        Some.Recipient.Decide(Sequence.Together([Some.Message, Some.Message.Numbered(2) with { HasContent = false }]))
            .ShouldBe(new Decision.Fail(Failure.NoContent));
        Some.Recipient.Decide(Sequence.Together([Some.Message, Some.Message.Numbered(2) with { HasLostItsConversation = true }]))
            .ShouldBe(new Decision.Fail(Failure.ConversationNotFound));
    }

    /// <summary>
    /// For messages of every kind: the whole goes at no instant at which one of them alone would be held back by a time of its own, and
    /// the order in which they are given changes nothing.
    /// </summary>
    [Fact]
    public void Together_they_go_only_when_each_of_them_could_and_in_whatever_order_they_are_given()
    {
        var random = new Random(4711);
        for (var round = 0; round < 2_000; round++)
        {
            var messages = Enumerable.Range(1, 2 + random.Next(4)).Select(number => Some.Message.Numbered(number)
                .InLane((Lane)random.Next(4)) with
            {
                NotBefore = AtTimes(),
                ExpiresAt = AtTimes(),
                BestAt = AtTimes(),
                CanDelay = random.Next(2) == 0,
                ScheduledFor = AtTimes() ?? Some.Noon,
                HasBeenHeld = random.Next(2) == 0,
            }).ToArray();
            var now = Some.Noon + Duration.FromMinutes(random.Next(300));
            var together = Some.Recipient.Decide(Sequence.Together(messages), now);

            if (together is Decision.Deliver)
            {
                messages.ShouldAllBe(m => !(m.NotBefore > now) && !(m.ExpiresAt <= now) && (m.HasBeenHeld || m.ScheduledFor <= now));
            }

            var shuffled = messages.ToArray();
            random.Shuffle(shuffled);
            Some.Recipient.Decide(Sequence.Together(shuffled), now).ShouldBe(together);
        }

        Instant? AtTimes() => random.Next(2) == 0 ? null : Some.Noon + Duration.FromMinutes(random.Next(300));
    }
}
