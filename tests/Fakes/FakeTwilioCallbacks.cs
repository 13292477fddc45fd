using System.Globalization;
using Microsoft.Extensions.Primitives;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Fakes;

/// <summary>The calls that Twilio makes: https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.</summary>
public sealed partial class FakeTwilio
{
    /// <summary>Reports how far an SMS has come, signed, to the address it carries.</summary>
    /// <param name="sms">The SMS.</param>
    /// <param name="status">Twilio's word: <c>sent</c>, <c>delivered</c>, <c>undelivered</c>, <c>failed</c>.</param>
    /// <param name="errorCode">Why it failed; null: it has not.</param>
    /// <param name="via">Where that address is really served; null: where it says.</param>
    public Task<FakeReply> ReportAsync(FakeSms sms, string status, int? errorCode = null, Uri? via = null) => CallAsync(
        sms.StatusCallback is { } callback ? new Uri(callback) : throw new InvalidOperationException("The SMS carries no address."),
        StatusFields(sms.Sid, sms.From, sms.To, status, errorCode),
        via);

    /// <summary>What a report of an SMS's progress holds.</summary>
    public IReadOnlyDictionary<string, string> StatusFields(string sid, string from, string to, string status, int? errorCode = null)
    {
        var fields = new Dictionary<string, string>
        {
            ["AccountSid"] = AccountSid,
            ["ApiVersion"] = "2010-04-01",
            ["From"] = from,
            ["MessageSid"] = sid,
            ["MessageStatus"] = status,
            ["SmsSid"] = sid,
            ["SmsStatus"] = status,
            ["To"] = to,
        };
        if (errorCode is { } code)
            fields["ErrorCode"] = code.ToString(CultureInfo.InvariantCulture);
        return fields;
    }

    /// <summary>Brings an SMS from a phone, signed.</summary>
    /// <param name="url">The address that Twilio was given for them.</param>
    /// <param name="from">The phone's number.</param>
    /// <param name="to">The service's number.</param>
    /// <param name="body">The text.</param>
    /// <param name="sid">Twilio's id, the same when it is brought twice; null: a new one.</param>
    /// <param name="via">Where that address is really served; null: where it says.</param>
    public Task<FakeReply> BringAsync(Uri url, string from, string to, string body, string? sid = null, Uri? via = null)
    {
        sid ??= "SM" + Guid.NewGuid().ToString("N");
        return CallAsync(url, new Dictionary<string, string>
        {
            ["AccountSid"] = AccountSid,
            ["ApiVersion"] = "2010-04-01",
            ["Body"] = body,
            ["From"] = from,
            ["MessageSid"] = sid,
            ["NumMedia"] = "0",
            ["NumSegments"] = "1",
            ["SmsMessageSid"] = sid,
            ["SmsSid"] = sid,
            ["SmsStatus"] = "received",
            ["To"] = to,
        }, via);
    }

    /// <summary>Posts a form to an address, signed with the account's token.</summary>
    public Task<FakeReply> CallAsync(Uri url, IReadOnlyDictionary<string, string> fields, Uri? via = null) =>
        CallAsync(url, fields, Signature(url, fields), via);

    /// <summary>Posts a form to an address, with any signature; null: without one.</summary>
    public async Task<FakeReply> CallAsync(Uri url, IReadOnlyDictionary<string, string> fields, string? signature, Uri? via)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, via is null ? url : new Uri(via, url.PathAndQuery));
        request.Content = new FormUrlEncodedContent(fields);
        request.Headers.UserAgent.ParseAdd("TwilioProxy/1.1");
        if (signature is not null)
            request.Headers.Add(TwilioSignature.Header, signature);
        using var response = await _caller.SendAsync(request, _stopping.Token);
        return new FakeReply(
            (int)response.StatusCode, response.Content.Headers.ContentType?.MediaType, await response.Content.ReadAsStringAsync(_stopping.Token));
    }

    /// <summary>The account's signature of a form posted to that address.</summary>
    public string Signature(Uri url, IReadOnlyDictionary<string, string> fields) => TwilioSignature.Compute(
        AuthToken, url.AbsoluteUri, fields.Select(field => KeyValuePair.Create(field.Key, new StringValues(field.Value))));
}
