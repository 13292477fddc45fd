using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using NodaTime;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>Twilio's Messages API over plain HTTP.</summary>
public sealed class TwilioSms(IHttpClientFactory clients, TwilioOptions options) : ISmsProvider
{
    private readonly AuthenticationHeaderValue _credentials = new(
        "Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.AccountSid}:{options.AuthToken}")));

    private readonly string _messages = $"/2010-04-01/Accounts/{Uri.EscapeDataString(options.AccountSid)}/Messages.json";

    /// <inheritdoc/>
    public SmsAccount Account { get; } = new(options.AccountSid, options.PhoneNumber);

    /// <inheritdoc/>
    public async Task<SmsReply> SendAsync(OutgoingSms sms, LastLook lastLook, CancellationToken cancellationToken)
    {
        using var exchange = TwilioExchange.Begin(options.RequestTimeout, lastLook, cancellationToken);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(options.BaseUrl, _messages));
            request.Content = new FormUrlEncodedContent(Form(sms));
            var (status, answer) = await AnswerAsync(request, exchange);
            return TwilioReplies.Answered(exchange, status, Number(answer, "code"), Text(answer, "sid"));
        }
        catch (Exception fault)
        {
            return TwilioReplies.Unanswered(exchange, lastLook, fault);
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ListedSms>> ListAsync(string sender, string recipient, Instant since, CancellationToken cancellationToken)
    {
        var query = $"{_messages}?To={Uri.EscapeDataString(recipient)}&From={Uri.EscapeDataString(sender)}"
            + $"&PageSize={TwilioList.PageSize.ToString(CultureInfo.InvariantCulture)}";
        var next = new Uri(options.BaseUrl, query);
        var list = new TwilioList(since);
        while (true)
        {
            var page = await PageAsync(next, cancellationToken);
            if (!list.Add(Messages(page).Select(Listed)) || Text(page, "next_page_uri") is not { } uri)
                return list.NewestFirst();

            next = new Uri(options.BaseUrl, uri);
            // The credentials go with it.
            if (Uri.Compare(next, options.BaseUrl, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) != 0)
                throw TwilioList.Unreadable();
        }
    }

    private async Task<JsonElement> PageAsync(Uri address, CancellationToken cancellationToken)
    {
        using var exchange = TwilioExchange.Begin(options.RequestTimeout, look: null, cancellationToken);
        using var request = new HttpRequestMessage(HttpMethod.Get, address);
        try
        {
            var (status, answer) = await AnswerAsync(request, exchange);
            return status is >= 200 and < 300
                ? answer ?? throw TwilioList.Unreadable()
                : throw new SmsProviderException(TwilioErrors.Classify(Number(answer, "code"), status));
        }
        catch (Exception fault) when (fault is HttpRequestException or IOException or OperationCanceledException)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new SmsProviderException(TwilioErrors.Unreachable, fault);
        }
    }

    /// <summary>The status and the JSON object of the answer; null: the body is none.</summary>
    private async Task<(int Status, JsonElement? Answer)> AnswerAsync(HttpRequestMessage request, TwilioExchange exchange)
    {
        request.Headers.Authorization = _credentials;
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        using var client = clients.CreateClient(TwilioHttpClient.Name);
        using var response = await client.SendAsync(request, exchange.Ends);
        try
        {
            using var json = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync(exchange.Ends));
            return ((int)response.StatusCode, json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null);
        }
        catch (JsonException)
        {
            return ((int)response.StatusCode, null);
        }
    }

    private IEnumerable<KeyValuePair<string, string>> Form(OutgoingSms sms)
    {
        yield return new("To", sms.To);
        yield return new("From", options.PhoneNumber);
        yield return new("Body", sms.Body);
        if (options.StatusCallback(sms) is { } callback)
            yield return new("StatusCallback", callback.AbsoluteUri);
        if (TwilioOptions.ValidityPeriod(sms) is { } seconds)
            yield return new("ValidityPeriod", seconds.ToString(CultureInfo.InvariantCulture));
    }

    private static JsonElement.ArrayEnumerator Messages(JsonElement page) =>
        page.TryGetProperty("messages", out var messages) && messages.ValueKind == JsonValueKind.Array
            ? messages.EnumerateArray() : throw TwilioList.Unreadable();

    private static ListedSms Listed(JsonElement message) => new(
        Text(message, "sid") ?? throw TwilioList.Unreadable(),
        Text(message, "body") ?? "",
        TwilioList.Time(Text(message, "date_created")),
        Text(message, "status")?.ToLowerInvariant() ?? throw TwilioList.Unreadable(),
        Number(message, "error_code"));

    private static string? Text(JsonElement? json, string field) =>
        json is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty(field, out var value)
            && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int? Number(JsonElement? json, string field) =>
        json is { ValueKind: JsonValueKind.Object } element && element.TryGetProperty(field, out var value)
            && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number : null;
}
