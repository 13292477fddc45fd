using NodaTime;
using Orchestrator.Core;

namespace Orchestrator.Service.Sms;

/// <summary>What came of a request to the provider. The set is closed.</summary>
public abstract record SmsReply
{
    private SmsReply()
    {
    }

    /// <summary>Taken.</summary>
    /// <param name="Sid">The provider's id for it; null where the provider gives none.</param>
    public sealed record Accepted(string? Sid) : SmsReply;

    /// <summary>Not taken, and the provider says why.</summary>
    /// <param name="Fault">Why.</param>
    /// <param name="RetryAfter">When the provider, which takes no more requests at the moment, wants to be asked again; null: it does not say.</param>
    public sealed record Refused(SmsFault Fault, Duration? RetryAfter = null) : SmsReply;

    /// <summary>Not taken: no byte of the request was written.</summary>
    /// <param name="Reason">What happened, without secrets or numbers.</param>
    public sealed record Unreached(string Reason) : SmsReply;

    /// <summary>Not taken: the last look forbade it.</summary>
    public sealed record Withheld : SmsReply;

    /// <summary>The request went out, and no answer tells whether it was taken: a time-out, a broken connection, a 5xx.</summary>
    /// <param name="Reason">What happened, without secrets or numbers.</param>
    public sealed record Unknown(string Reason) : SmsReply;
}

/// <summary>Why the provider does not bring a message to its phone.</summary>
/// <param name="Kind">What is to be done about it.</param>
/// <param name="Code">The provider's code, as it is stored: <c>30003</c>, or <c>http_404</c> where there is no code.</param>
/// <param name="Sentence">The same in a sentence of this service's own: the provider's text may hold numbers.</param>
public sealed record SmsFault(SmsFaultKind Kind, string Code, string Sentence)
{
    /// <summary>Whether a fault that looks like everyone's may be caused by the one text or number: a filter's, a firewall's.</summary>
    public bool MayBeTheMessagesOwn { get; init; }
}
