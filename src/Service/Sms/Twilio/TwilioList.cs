using NodaTime;
using NodaTime.Text;
using Orchestrator.Core;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>
/// The messages of one recipient, gathered page by page. It is whole or it fails: what is missing from it would be sent a second time.
/// </summary>
/// <remarks>
/// Twilio documents the order as newest first, by the time of sending, and messages that wait there have no such time
/// (https://www.twilio.com/docs/messaging/api/message-resource): so its filter by date is not used, and the gathering only ends with
/// a page that is older from end to end.
/// </remarks>
/// <param name="since">Messages taken earlier do not matter.</param>
public sealed class TwilioList(Instant since)
{
    /// <summary>How many messages a page is asked for; Twilio allows up to 1,000.</summary>
    public const int PageSize = 200;

    /// <summary>With more messages than these the list counts as unreadable.</summary>
    public const int MostMessages = 2_000;

    private static readonly OffsetDateTimePattern Rfc2822 =
        OffsetDateTimePattern.CreateWithInvariantCulture("ddd, d MMM uuuu HH:mm:ss o<+HHmm>");

    // Twilio's times are whole seconds, rounded down.
    private readonly Instant _since = Instant.FromUnixTimeSeconds(since.ToUnixTimeSeconds());

    private readonly List<ListedSms> _messages = [];

    /// <summary>Takes a page, and says whether the next one matters.</summary>
    /// <exception cref="SmsProviderException">There are too many.</exception>
    public bool Add(IEnumerable<ListedSms> page)
    {
        var before = _messages.Count;
        _messages.AddRange(page.Where(sms => sms.CreatedAt >= _since));
        return _messages.Count <= MostMessages ? _messages.Count > before : throw Unreadable();
    }

    /// <summary>What was gathered.</summary>
    public IReadOnlyList<ListedSms> NewestFirst() => [.. _messages.OrderByDescending(sms => sms.CreatedAt)];

    /// <summary>A time as Twilio writes it: <c>Thu, 24 Aug 2023 05:01:45 +0000</c>.</summary>
    /// <exception cref="SmsProviderException">It is none.</exception>
    public static Instant Time(string? text) =>
        text is not null && Rfc2822.Parse(text) is { Success: true, Value: var time } ? time.ToInstant() : throw Unreadable();

    /// <summary>Twilio's answer is not the list that was asked for.</summary>
    public static SmsProviderException Unreadable() =>
        new(new SmsFault(SmsFaultKind.Later, "unreadable", "Twilio's list of messages could not be read."));
}
