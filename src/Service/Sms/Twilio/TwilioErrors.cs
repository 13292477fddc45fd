using System.Collections.Frozen;
using System.Globalization;
using Orchestrator.Core;
using Kind = Orchestrator.Core.SmsFaultKind;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>
/// What Twilio's error codes call for, in sentences of this service's own. Each was judged by its page in Twilio's documentation; a code
/// whose page says no more than its HTTP status does is not here.
/// </summary>
public static class TwilioErrors
{
    private const string Dictionary = "https://www.twilio.com/docs/api/errors/";

    /// <summary>Twilio could not be asked at all: there is neither a code nor a status.</summary>
    public static readonly SmsFault Unreachable = new(Kind.Later, "unreachable", "Twilio could not be reached.");

    private static readonly FrozenDictionary<int, TwilioError> Table = new TwilioError[]
    {
        // The recipient's number.
        new(21211, Kind.Permanent, "The recipient's number is not a valid phone number."),
        new(21214, Kind.Permanent, "The recipient's number cannot be reached."),
        new(21217, Kind.Permanent, "The recipient's number does not appear to be valid."),
        new(21265, Kind.Permanent, "The recipient's number is a short code, which takes no SMS."),
        new(21266, Kind.Permanent, "The recipient's number is the sender's own."),
        new(21604, Kind.Permanent, "The recipient's number is missing."),
        new(21608, Kind.Permanent, "The Twilio account may only send to numbers verified with it: verify this one, or upgrade the account."),
        new(21610, Kind.OptedOut, "The recipient has told Twilio to be sent nothing more from this number."),
        new(21612, Kind.Permanent, "Twilio cannot connect the sender's number with the recipient's."),
        new(21614, Kind.Permanent, "The recipient's number is not a mobile number."),
        new(21635, Kind.Permanent, "The recipient's number is a landline."),
        new(30003, Kind.Later, "The phone is switched off or out of reach."),
        new(30004, Kind.Permanent, "The recipient's number is blocked from receiving this message."),
        new(30005, Kind.Permanent, "The recipient's number is unknown or no longer in service."),
        new(30006, Kind.Permanent, "The recipient's number is a landline, or its carrier cannot be reached."),
        // One region's permission, and so no reason to stop everyone else.
        new(21408, Kind.Permanent,
            "Sending to the recipient's region is switched off: Messaging, Settings, Geo Permissions in the Twilio Console."),

        // The text.
        new(21617, Kind.Permanent, "The text is longer than Twilio takes."),
        new(21658, Kind.Permanent, "The text is longer than Twilio takes."),
        new(30019, Kind.Permanent, "The text is longer than the carrier takes."),
        new(30036, Kind.Permanent, "The message was not sent within the time it was valid for."),

        // Too much, or a fault that passes.
        new(14107, Kind.Later, "Too many messages went between the two numbers in a short time."),
        new(20429, Kind.Later, "Twilio takes no more requests at the moment."),
        new(21611, Kind.Later, "Too many messages of the sender's number are waiting at Twilio."),
        new(30001, Kind.Later, "Too many messages of the sender are waiting at Twilio."),
        new(30008, Kind.Later, "The message was not delivered, and the carrier does not say why."),
        new(30017, Kind.Later, "The carrier's network is congested."),
        new(30022, Kind.Later, "The carrier takes no more messages of this campaign at the moment."),
        new(30500, Kind.Later, "Twilio failed inside while it handled the message."),
        new(63017, Kind.Later, "The account sends faster than Twilio takes."),

        // The account or the sender: the next message would fare no better.
        new(10001, Kind.Configuration, "The Twilio account is not active."),
        new(20003, Kind.Configuration, "Twilio does not accept TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, or the account is suspended."),
        new(20005, Kind.Configuration, "The Twilio account is not active."),
        new(20403, Kind.Configuration, "The Twilio account has no permission to send: it may be suspended or closed."),
        new(20404, Kind.Configuration, "Twilio does not know this account: check TWILIO_ACCOUNT_SID and TWILIO_BASE_URL."),
        new(30002, Kind.Configuration, "The Twilio account is suspended."),
        new(90010, Kind.Configuration, "The Twilio account is not active."),
        new(21212, Kind.Configuration, "TWILIO_PHONE_NUMBER is not a valid sender.",
            "https://www.twilio.com/en-us/changelog/updates-to-the-error-code-dictionary-to-clarify-number-validatio"),
        new(21601, Kind.Configuration, "TWILIO_PHONE_NUMBER is not a number of the Twilio account."),
        new(21603, Kind.Configuration, "TWILIO_PHONE_NUMBER is missing or not a valid sender."),
        new(21606, Kind.Configuration, "TWILIO_PHONE_NUMBER cannot send SMS from this account."),
        new(21607, Kind.Configuration, "A Twilio trial account may send from its trial number only: check TWILIO_PHONE_NUMBER."),
        new(21609, Kind.Configuration, "Twilio does not accept the address for callbacks: check PUBLIC_BASE_URL."),
        new(21616, Kind.Configuration, "TWILIO_PHONE_NUMBER fits several numbers of the account: give it in E.164 form."),
        new(21659, Kind.Configuration, "TWILIO_PHONE_NUMBER is not a number of Twilio's."),
        new(21660, Kind.Configuration, "TWILIO_PHONE_NUMBER belongs to another Twilio account."),
        new(21661, Kind.Configuration, "TWILIO_PHONE_NUMBER cannot send SMS."),
        new(63038, Kind.Configuration, "The account has sent all the messages it may within 24 hours: ask Twilio for a higher limit, or wait."),
        // Filters look at the sender as much as at the text: to go on sending makes it worse.
        new(30007, Kind.Configuration, "Twilio or the carrier filtered the message as unwanted: check the number's registration and the texts.")
        {
            MayBeTheMessagesOwn = true,
        },
        new(30032, Kind.Configuration, "The toll-free number TWILIO_PHONE_NUMBER has not been verified."),
        new(30034, Kind.Configuration, "TWILIO_PHONE_NUMBER is not registered for messages to the United States (A2P 10DLC).",
            "https://support.twilio.com/hc/en-us/articles/14910496447771-Shutdown-of-Unregistered-10DLC-Messaging-FAQ"),
    }.ToFrozenDictionary(error => error.Code);

    /// <summary>Every code in the table.</summary>
    public static IReadOnlyCollection<TwilioError> All => Table.Values;

    /// <summary>What a failure calls for.</summary>
    /// <param name="code">Twilio's error code; null: it gave none.</param>
    /// <param name="httpStatus">The status of the answer; null: a status callback told the code, or the message's own record.</param>
    public static SmsFault Classify(int? code, int? httpStatus)
    {
        if (code is { } known && Table.TryGetValue(known, out var error))
            return new(error.Kind, Name(code, httpStatus), error.Sentence) { MayBeTheMessagesOwn = error.MayBeTheMessagesOwn };

        var (kind, sentence) = httpStatus switch
        {
            401 or 403 => (Kind.Configuration, "Twilio does not accept the account's credentials."),
            // The path holds nothing of the message: the account or the address is wrong, for every message.
            404 or 405 or 407 => (Kind.Configuration, "There is no Twilio at TWILIO_BASE_URL, or it does not know the account."),
            429 => (Kind.Later, "Twilio takes no more requests at the moment."),
            // Twilio's own refusals have a code: this is somebody's on the way, a proxy's or a firewall's.
            >= 400 and < 500 when code is null => (Kind.Configuration, "Something between this service and Twilio refuses the request: check TWILIO_BASE_URL and proxies."),
            >= 400 and < 500 => (Kind.Permanent, "Twilio refused the message."),
            not null => (Kind.Later, "Twilio gave no answer that tells anything."),
            null => (Kind.Permanent, "Twilio could not deliver the message."),
        };
        return new(kind, Name(code, httpStatus), sentence) { MayBeTheMessagesOwn = kind == Kind.Configuration && httpStatus is not (401 or 404 or 405 or 407) };
    }

    private static string Name(int? code, int? httpStatus) => (code, httpStatus) switch
    {
        ({ } number, _) => number.ToString(CultureInfo.InvariantCulture),
        (_, { } status) => string.Create(CultureInfo.InvariantCulture, $"http_{status}"),
        _ => "unknown",
    };

    /// <summary>An error code of Twilio's.</summary>
    /// <param name="Code">The number.</param>
    /// <param name="Kind">What it calls for.</param>
    /// <param name="Sentence">What it means.</param>
    /// <param name="Documentation">Where Twilio says so.</param>
    public sealed record TwilioError(int Code, SmsFaultKind Kind, string Sentence, string Documentation)
    {
        /// <summary>Whether a fault that looks like everyone's may be caused by the one text or number.</summary>
        public bool MayBeTheMessagesOwn { get; init; }

        internal TwilioError(int code, SmsFaultKind kind, string sentence)
            : this(code, kind, sentence, Dictionary + code.ToString(CultureInfo.InvariantCulture))
        {
        }
    }
}
