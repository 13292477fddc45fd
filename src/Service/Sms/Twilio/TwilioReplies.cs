using System.Globalization;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>What came of a request to send, read from Twilio's answer or from the lack of one.</summary>
public static class TwilioReplies
{
    /// <summary>An answer came.</summary>
    /// <param name="exchange">The request.</param>
    /// <param name="status">The HTTP status.</param>
    /// <param name="code">Twilio's error code; null: none.</param>
    /// <param name="sid">The id of the SMS; null: none, or the body could not be read.</param>
    public static SmsReply Answered(TwilioExchange exchange, int status, int? code, string? sid) => status switch
    {
        >= 200 and < 300 when !string.IsNullOrEmpty(sid) => new SmsReply.Accepted(sid),
        >= 200 and < 300 => new SmsReply.Unknown("Twilio's answer could not be read."),
        // Whoever answers with a time-out of its own may have passed the request on.
        >= 400 and < 500 and not 408 => new SmsReply.Refused(TwilioErrors.Classify(code, status), status == 429 ? exchange.RetryAfter : null),
        _ => new SmsReply.Unknown(string.Create(CultureInfo.InvariantCulture, $"Twilio answered with status {status}.")),
    };

    /// <summary>No answer came.</summary>
    /// <param name="exchange">The request.</param>
    /// <param name="look">The last look, which tells whether anything was written.</param>
    /// <param name="fault">What happened instead.</param>
    public static SmsReply Unanswered(TwilioExchange exchange, LastLook look, Exception fault) =>
        look.WasWithheld ? new SmsReply.Withheld()
        : look.HasGoneOut ? new SmsReply.Unknown(exchange.Ends.IsCancellationRequested
            ? "Twilio did not answer in time."
            : "The connection to Twilio broke before the answer.")
        : new SmsReply.Unreached(exchange.Ends.IsCancellationRequested
            ? "Twilio was not reached in time."
            : Unreached(fault));

    private static string Unreached(Exception fault) => fault.AndCauses().OfType<HttpRequestException>().FirstOrDefault()?.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => "The name of Twilio's host could not be resolved.",
        HttpRequestError.ConnectionError => "The connection to Twilio was refused or failed.",
        HttpRequestError.SecureConnectionError => "No secure connection to Twilio could be made.",
        HttpRequestError.ProxyTunnelError => "The proxy did not connect to Twilio.",
        _ => "The request to Twilio could not be made.",
    };

    /// <summary>The fault and what is inside it, outermost first: the SDK wraps what it is thrown.</summary>
    public static IEnumerable<Exception> AndCauses(this Exception fault)
    {
        for (var cause = fault; cause is not null; cause = cause.InnerException)
            yield return cause;
    }
}
