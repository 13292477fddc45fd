using NodaTime.Text;

namespace Orchestrator.Core.Tests;

/// <summary>
/// The ordinary case, from which each test states how it differs: a high message, due, for a person in UTC who can be
/// reached, has got nothing yet and has not written; the rules as they are delivered; noon.
/// </summary>
internal static class Some
{
    public static readonly Instant Noon = Utc("2026-03-03T12:00:00");

    public static readonly DeliveryRules Rules = new();

    public static Recipient Recipient { get; } = new() { Zone = DateTimeZone.Utc };

    public static QueuedMessage Message { get; } = new()
    {
        Id = new Guid("00000000-0000-0000-0000-000000000001"),
        Lane = Lane.High,
        CreatedAt = Noon,
        ScheduledFor = Noon,
    };

    public static Instant Utc(string time) =>
        LocalDateTimePattern.ExtendedIso.Parse(time).GetValueOrThrow().InUtc().ToInstant();

    public static DateTimeZone Zone(string id) => DateTimeZoneProviders.Tzdb[id];

    /// <summary>Messages of the lanes, all due, told apart by their ids.</summary>
    public static QueuedMessage[] Messages(params Lane[] lanes) =>
        [.. lanes.Select((lane, index) => Message.InLane(lane).Numbered(index + 1))];

    public static QueuedMessage Numbered(this QueuedMessage message, int number) =>
        message with { Id = new Guid(number, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) };

    public static QueuedMessage InLane(this QueuedMessage message, Lane lane) => message with { Lane = lane };

    public static QueuedMessage QueuedAt(this QueuedMessage message, Instant at) =>
        message with { CreatedAt = at, ScheduledFor = at };

    public static QueuedMessage ScheduledFor(this QueuedMessage message, Instant at) => message with { ScheduledFor = at };

    public static QueuedMessage NotBefore(this QueuedMessage message, Instant at) => message with { NotBefore = at };

    public static QueuedMessage ExpiringAt(this QueuedMessage message, Instant at) => message with { ExpiresAt = at };

    public static QueuedMessage BestAt(this QueuedMessage message, Instant at) => message with { BestAt = at };

    public static QueuedMessage ThatCannotWait(this QueuedMessage message) => message with { CanDelay = false };

    public static Recipient In(this Recipient recipient, string zone) => recipient with { Zone = Zone(zone) };

    public static Recipient WithQuietHours(this Recipient recipient, int startHour, int endHour) =>
        recipient with { QuietHours = new QuietHours(new LocalTime(startHour, 0), new LocalTime(endHour, 0)) };

    public static Recipient WithoutQuietHours(this Recipient recipient) => recipient with { QuietHours = QuietHours.None };

    public static Recipient WithHourlyLimit(this Recipient recipient, int limit) => recipient with { HourlyLimit = limit };

    public static Recipient WithDailyLimit(this Recipient recipient, int limit) => recipient with { DailyLimit = limit };

    /// <summary>Who has written at that instant, and then counts as active for ten minutes.</summary>
    public static Recipient WhoWroteAt(this Recipient recipient, Instant at) => recipient with { LastInboundAt = at };

    /// <summary>Who got a delivery at each of the instants, counted on the local days they fall on.</summary>
    public static Recipient WhoGotOnesAt(this Recipient recipient, params IEnumerable<Instant> deliveries)
    {
        var all = deliveries.ToList();
        return recipient with
        {
            History = new DeliveryHistory(all, all.CountBy(at => at.InZone(recipient.Zone).Date).ToDictionary()),
        };
    }

    public static Recipient WithAHigherLaneWaiting(this Recipient recipient) => recipient with { HasHigherLaneWaiting = true };

    /// <summary>What is decided of this one message, at noon unless told otherwise.</summary>
    public static Decision Decide(
        this Recipient recipient, QueuedMessage message, Instant? at = null, DeliveryRules? rules = null, int higherLanesDue = 0) =>
        new DeliveryPolicy(recipient, rules ?? Rules, higherLanesDue).Decide(message, at ?? Noon);

    /// <summary>What is decided of several messages, in the order in which they go, with their ids.</summary>
    public static IReadOnlyList<(QueuedMessage Message, Decision Decision)> DecideAll(
        this Recipient recipient, IEnumerable<QueuedMessage> messages, Instant? at = null, DeliveryRules? rules = null, int higherLanesDue = 0)
    {
        var policy = new DeliveryPolicy(recipient, rules ?? Rules, higherLanesDue);
        var now = at ?? Noon;
        return [.. DeliveryPolicy.Order(messages, now, rules ?? Rules).Select(message => (message, policy.Decide(message, now)))];
    }

    public static void ShouldBeDelivered(this Decision decision) => decision.ShouldBe(Decision.Deliver.Now);

    public static void ShouldBeHeld(this Decision decision, Hold by, Instant until, bool expires = false) =>
        decision.ShouldBe(new Decision.Defer(by, until, expires));
}
