using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using NodaTime.Text;

namespace Orchestrator.Fakes;

/// <summary>The words of the API: https://www.twilio.com/docs/messaging/api/message-resource.</summary>
public sealed partial class FakeTwilio
{
    private static readonly InstantPattern Rfc2822 =
        InstantPattern.CreateWithInvariantCulture("ddd, dd MMM uuuu HH:mm:ss '+0000'");

    /// <summary>What Twilio itself would say against a request to send; null: nothing.</summary>
    private static int? Fault(FakeRequest request) => request switch
    {
        _ when string.IsNullOrEmpty(request.Field("To")) => 21604,
        _ when string.IsNullOrEmpty(request.Field("From")) => 21603,
        _ when request.Field("Body") is { Length: > 1600 } => 21617,
        _ when request.Field("StatusCallback") is { } callback && !Uri.IsWellFormedUriString(callback, UriKind.Absolute) => 21609,
        _ when request.Field("ValidityPeriod") is { } seconds
            && !(int.TryParse(seconds, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= 36_000) => 90007,
        _ => null,
    };

    private async Task ListAsync(HttpContext http)
    {
        if (ListAnswer is { } answer)
        {
            await PlayAsync(http, new FakeRequest("GET", "", null, new Dictionary<string, string>()), answer);
            return;
        }

        var query = http.Request.Query;
        var found = Accepted.Reverse()
            .Where(sms => sms.AcceptedAt + ListsAfter <= Clock.GetCurrentInstant())
            .Where(sms => query["To"].ToString() is var to && (to.Length == 0 || sms.To == to))
            .Where(sms => query["From"].ToString() is var from && (from.Length == 0 || sms.From == from))
            .ToList();
        // A page begins after the message its token names, wherever newer ones have moved that to.
        var token = query["PageToken"].ToString();
        var skipped = token.Length == 0 ? 0 : found.FindIndex(sms => "PA" + sms.Sid == token) + 1;
        var size = Math.Min(MostPerPage, int.TryParse(query["PageSize"], CultureInfo.InvariantCulture, out var asked) ? asked : 50);
        var page = found.Skip(skipped).Take(size).ToList();
        var number = int.TryParse(query["Page"], CultureInfo.InvariantCulture, out var given) ? given : 0;

        string Address(int at, string? after) => http.Request.Path + new QueryBuilder(
            new Dictionary<string, string>
            {
                ["To"] = query["To"].ToString(),
                ["From"] = query["From"].ToString(),
                ["PageSize"] = size.ToString(CultureInfo.InvariantCulture),
                ["Page"] = at.ToString(CultureInfo.InvariantCulture),
                ["PageToken"] = after ?? "",
            }.Where(pair => pair.Value.Length > 0)).ToString();

        await WriteAsync(http, 200, new Dictionary<string, object?>
        {
            ["end"] = skipped + page.Count - 1,
            ["first_page_uri"] = Address(0, after: null),
            ["messages"] = page.Select(Json),
            ["next_page_uri"] = skipped + page.Count < found.Count ? Address(number + 1, "PA" + page[^1].Sid) : null,
            ["page"] = number,
            ["page_size"] = size,
            ["previous_page_uri"] = null,
            ["start"] = skipped,
            ["uri"] = http.Request.Path + http.Request.QueryString,
        });
    }

    private Dictionary<string, object?> Json(FakeSms sms)
    {
        var uri = $"/2010-04-01/Accounts/{AccountSid}/Messages/{sms.Sid}";
        return new()
        {
            ["account_sid"] = AccountSid,
            ["api_version"] = "2010-04-01",
            ["body"] = Shown(sms.Body),
            ["date_created"] = Rfc2822.Format(sms.AcceptedAt),
            // Nothing has been sent yet.
            ["date_sent"] = sms.Status is "queued" or "accepted" or "sending" ? null : Rfc2822.Format(sms.AcceptedAt),
            ["date_updated"] = Rfc2822.Format(sms.AcceptedAt),
            ["direction"] = "outbound-api",
            ["error_code"] = sms.ErrorCode,
            ["error_message"] = null,
            ["from"] = sms.From,
            ["messaging_service_sid"] = null,
            ["num_media"] = "0",
            ["num_segments"] = "1",
            ["price"] = null,
            ["price_unit"] = "USD",
            ["sid"] = sms.Sid,
            ["status"] = sms.Status,
            ["subresource_uris"] = new Dictionary<string, string> { ["media"] = uri + "/Media.json" },
            ["to"] = sms.To,
            ["uri"] = uri + ".json",
        };
    }

    // Twilio's message repeats the number that it refuses; nobody may store or log that.
    private static async Task RefuseAsync(HttpContext http, int status, int? code, string? retryAfter)
    {
        if (retryAfter is not null)
            http.Response.Headers.RetryAfter = retryAfter;
        if (code is not { } number)
        {
            http.Response.StatusCode = status;
            await http.Response.WriteAsync("<html>");
            return;
        }

        await WriteAsync(http, status, new Dictionary<string, object?>
        {
            ["code"] = number,
            ["message"] = "Refused: +15005550001",
            ["more_info"] = string.Create(CultureInfo.InvariantCulture, $"https://www.twilio.com/docs/errors/{number}"),
            ["status"] = status,
        });
    }

    private static Task WriteAsync(HttpContext http, int status, Dictionary<string, object?> json)
    {
        http.Response.StatusCode = status;
        return http.Response.WriteAsJsonAsync(json);
    }
}
