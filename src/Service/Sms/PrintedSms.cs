using Microsoft.Extensions.Logging;
using NodaTime;

namespace Orchestrator.Service.Sms;

/// <summary>Sends nothing: tells each SMS in the log, by its message's id and its length. For local use, <c>SMS_DELIVERY=log</c>.</summary>
internal sealed class PrintedSms(ILogger<PrintedSms> logger) : ISmsProvider
{
    public SmsAccount Account { get; } = new("log", "log");

    public async Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken)
    {
        if (!await lastLook.AllowsAsync(cancellationToken))
            return new SmsReply.Withheld();

        Log.SmsPrinted(logger, sms.MessageId, PhoneNumbers.Mask(sms.To), sms.Body.Length);
        return new SmsReply.Accepted(Sid: null);
    }

    /// <summary>Nothing is ever taken: what was interrupted is told again.</summary>
    public Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<ListedSms>>([]);
}
