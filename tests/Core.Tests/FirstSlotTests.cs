using CsCheck;

namespace Orchestrator.Core.Tests;

/// <summary>Whatever the person, the rules and the messages: what Core decides is what the plain rules say.</summary>
public sealed class FirstSlotTests
{
    private sealed record Case(Recipient Recipient, DeliveryRules Rules, int HigherLanesDue, Instant Now, QueuedMessage[] Messages);

    private static readonly Gen<Case> Cases =
        from zone in Any.Zone
        from now in Any.Now(zone)
        from rules in Any.Rules
        from recipient in Any.Recipient(zone, now)
        from higherLanesDue in Gen.OneOf(0, 100, 101)
        from messages in Any.Messages(Any.Message(now), 1, 6)
        select new Case(recipient, rules, higherLanesDue, now, messages);

    [Fact]
    public void Each_message_is_deferred_to_the_first_instant_at_which_all_rules_allow() => Cases.Sample(
        given =>
        {
            var plain = new PlainRules(given.Recipient, given.Rules, given.HigherLanesDue);

            foreach (var (message, decision) in given.Recipient.DecideAll(given.Messages, given.Now, given.Rules, given.HigherLanesDue))
                decision.ShouldBe(plain.Decide(message, given.Now), message.ToString());
        },
        iter: 1500, threads: 1, print: Print);

    [Fact]
    public void Behind_messages_that_wait_for_their_slots_the_next_one_gets_what_the_plain_rules_leave() => Cases.Select(given => given with
    {
        // Most of them at few times, so that many look for their slots where others have looked before.
        Messages = [.. given.Messages.Concat(given.Messages).Select((m, i) => m.Numbered(i + 1) with { ScheduledFor = given.Now + Duration.FromMinutes(i % 3 * 20) })],
    }).Sample(
        given =>
        {
            var plain = new PlainRules(given.Recipient, given.Rules, given.HigherLanesDue);
            var policy = new DeliveryPolicy(given.Recipient, given.Rules, given.HigherLanesDue);
            foreach (var message in given.Messages[1..])
            {
                plain.Reserve(message, given.Now);
                policy.Reserve(message, given.Now);
            }

            policy.Decide(given.Messages[0], given.Now).ShouldBe(plain.Decide(given.Messages[0], given.Now));
        },
        iter: 500, threads: 1, print: Print);

    [Fact]
    public void The_order_within_a_user_is_lane_then_time_then_age() => Cases.Sample(
        given =>
        {
            var order = DeliveryPolicy.Order(given.Messages, given.Now, given.Rules).ToList();

            order.ShouldBe(given.Messages, ignoreOrder: true);
            foreach (var (first, second) in order.Zip(order.Skip(1)))
                Rank(first).CompareTo(Rank(second)).ShouldBeLessThanOrEqualTo(0);

            (int, Instant, Instant) Rank(QueuedMessage message)
            {
                var wanted = message.NotBefore > message.CreatedAt ? message.NotBefore.Value : message.CreatedAt;
                var lane = message.Lane == Lane.Low && given.Now - wanted >= Duration.FromHours(24) ? Lane.Medium : message.Lane;
                return ((int)lane, message.ScheduledFor, message.CreatedAt);
            }
        },
        iter: 500, threads: 1, print: Print);

    private static string Print(Case given) =>
        $"""
        now {given.Now}, {given.HigherLanesDue} of higher lanes due
        {given.Rules}
        {given.Recipient}
        recent {string.Join(' ', given.Recipient.History.Recent)}, per day {string.Join(' ', given.Recipient.History.PerDay)}
        {string.Join('\n', given.Messages.AsEnumerable())}
        """;
}
