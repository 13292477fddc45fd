using NodaTime;

namespace Orchestrator.Service.Sms;

/// <summary>Whoever brings an SMS to a phone. One request a call: a retry is decided by the sender, never by a filling of this seam.</summary>
public interface ISmsProvider
{
    /// <summary>On whose account, and from which number, this one sends.</summary>
    SmsAccount Account { get; }

    /// <summary>Hands one SMS to the provider.</summary>
    /// <param name="sms">What to send.</param>
    /// <param name="lastLook">Asked after the connection stands and before the first byte of the request is written.</param>
    /// <param name="cancellationToken">Ends the wait for the answer; the outcome is then unknown where the request had gone out.</param>
    /// <returns>What came of it; a fault of the provider's or of the network's is an answer too, not an exception.</returns>
    Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken);

    /// <summary>
    /// What the provider has taken from one number for another since that time, newest first: how the sender finds out whether a request
    /// whose answer was lost was accepted.
    /// </summary>
    /// <param name="sender">The number that the request named as its sender's; it may have been another one than now.</param>
    /// <param name="recipient">The number that the request named as its recipient's.</param>
    /// <param name="since">What was taken earlier does not matter.</param>
    /// <param name="cancellationToken">Ends the wait for the answer.</param>
    /// <exception cref="SmsProviderException">The provider could not be asked.</exception>
    Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken);
}

/// <summary>An SMS about to be sent.</summary>
/// <param name="MessageId">The row of <c>messages</c>.</param>
/// <param name="Attempt">Which request for this message it is, from 1; the status callback's URL carries both.</param>
/// <param name="To">The recipient's number, E.164.</param>
/// <param name="Body">The text.</param>
/// <param name="ValidFor">How long the provider may keep it before it must be given up; null: as long as it likes.</param>
public sealed record OutgoingSms(Guid MessageId, int Attempt, string To, string Body, Duration? ValidFor)
{
    /// <summary>Without the text and the number.</summary>
    public override string ToString() => $"Request {Attempt} for message {MessageId}";
}

/// <summary>Who sends.</summary>
/// <param name="Id">The account with the provider.</param>
/// <param name="Number">The number that messages come from.</param>
public sealed record SmsAccount(string Id, string Number);

/// <summary>An SMS that the provider has taken.</summary>
/// <param name="Sid">The provider's id.</param>
/// <param name="Body">The text as the provider shows it.</param>
/// <param name="CreatedAt">When it was taken, by the provider's clock.</param>
/// <param name="Status">How far it has come, in the provider's word, lower case.</param>
/// <param name="ErrorCode">Why it failed; null: it has not.</param>
public sealed record ListedSms(string Sid, string Body, Instant CreatedAt, string Status, int? ErrorCode)
{
    /// <summary>Without the text.</summary>
    public override string ToString() => $"{Sid}, {Status} {ErrorCode}, taken at {CreatedAt}";
}

/// <summary>The provider could not be asked what it has taken.</summary>
/// <param name="fault">Why, as the provider's answer to a request would be judged.</param>
/// <param name="inner">The cause; null: an answer that says no.</param>
public sealed class SmsProviderException(SmsFault fault, Exception? inner = null) : Exception(fault.Sentence, inner)
{
    /// <summary>Why.</summary>
    public SmsFault Fault { get; } = fault;
}
