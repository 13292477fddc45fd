using NodaTime;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;
using Twilio.Clients;
using Twilio.Exceptions;
using Twilio.Rest.Api.V2010.Account;
using Twilio.Types;
using SystemNetHttpClient = Twilio.Http.SystemNetHttpClient;

namespace Orchestrator.Functions.Host;

/// <summary>Twilio's Messages API through Twilio's SDK.</summary>
internal sealed class TwilioSdkSms(IHttpClientFactory clients, TwilioOptions options) : ISmsProvider
{
    /// <inheritdoc/>
    public SmsAccount Account { get; } = new(options.AccountSid, options.PhoneNumber);

    /// <inheritdoc/>
    public async Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken)
    {
        using var exchange = TwilioExchange.Begin(options.RequestTimeout, lastLook, cancellationToken);
        try
        {
            var message = await MessageResource.CreateAsync(
                new CreateMessageOptions(new PhoneNumber(sms.To))
                {
                    From = new PhoneNumber(options.PhoneNumber),
                    Body = sms.Body,
                    StatusCallback = options.StatusCallback(sms),
                    ValidityPeriod = TwilioOptions.ValidityPeriod(sms),
                },
                Client());
            return TwilioReplies.Answered(exchange, exchange.Status ?? 200, code: null, message.Sid);
        }
        catch (Exception fault)
        {
            return exchange.Status is { } status
                ? TwilioReplies.Answered(exchange, status, Code(fault), sid: null)
                : TwilioReplies.Unanswered(exchange, lastLook, fault);
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken)
    {
        using var exchange = TwilioExchange.Begin(options.RequestTimeout, look: null, cancellationToken);
        try
        {
            var messages = await MessageResource.ReadAsync(
                new ReadMessageOptions
                {
                    To = new PhoneNumber(recipient),
                    From = new PhoneNumber(sender),
                    PageSize = TwilioList.PageSize,
                },
                Client());
            var list = new TwilioList(since);
            // The SDK blocks a thread for every further page.
            await Task.Run(
                () =>
                {
                    foreach (var page in messages.Chunk(TwilioList.PageSize))
                    {
                        if (!list.Add(page.Select(Listed)))
                            break;
                    }
                },
                cancellationToken);
            return list.NewestFirst();
        }
        catch (Exception fault) when (fault is not SmsProviderException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw exchange.Status switch
            {
                null => new SmsProviderException(TwilioErrors.Unreachable, fault),
                >= 200 and < 300 => TwilioList.Unreadable(),
                { } status => new SmsProviderException(TwilioErrors.Classify(Code(fault), status), fault),
            };
        }
    }

    private TwilioRestClient Client() => new(
        options.AccountSid, options.AuthToken, httpClient: new SystemNetHttpClient(clients.CreateClient(TwilioHttpClient.Name)));

    private static ListedSms Listed(MessageResource message) => new(
        message.Sid,
        message.Body ?? "",
        Time(message.DateCreated ?? throw TwilioList.Unreadable()),
        message.Status.ToString().ToLowerInvariant(),
        message.ErrorCode);

    // The SDK's dates carry their offset as local time, or no zone where Twilio's GMT is meant.
    private static Instant Time(DateTime time) => Instant.FromDateTimeUtc(
        time.Kind == DateTimeKind.Unspecified ? DateTime.SpecifyKind(time, DateTimeKind.Utc) : time.ToUniversalTime());

    // Zero: the SDK found no code in the answer.
    private static int? Code(Exception fault) => fault.AndCauses().OfType<ApiException>().FirstOrDefault()?.Code is { } code and not 0 ? code : null;
}
