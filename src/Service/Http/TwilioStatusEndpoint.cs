using System.Globalization;
using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Http;

/// <summary><c>POST /twilio/status</c>: how far an SMS has come. They come twice, late and out of order.</summary>
public sealed class TwilioStatusEndpoint(TwilioRequests requests, SmsReports reports)
{
    /// <summary>Takes a report; one that tells nothing new is answered like any other.</summary>
    public Task<IResult> ReportAsync(HttpRequest request, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, async form =>
        {
            var sid = First(form, "MessageSid") ?? First(form, "SmsSid");
            var status = First(form, "MessageStatus") ?? First(form, "SmsStatus");
            if (sid is null || status is null)
                return Problem.InvalidRequest("MessageSid, MessageStatus", "are required").ToResult();

            await reports.TakeAsync(
                new SmsReport(
                    sid,
                    status.ToLowerInvariant(),
                    Number(First(form, "ErrorCode")),
                    Guid.TryParse(request.Query["message"], out var messageId) ? messageId : null,
                    Number(request.Query["attempt"])),
                cancellationToken);
            return Results.NoContent();
        }, cancellationToken);

    private static string? First(IFormCollection form, string name) => form[name] is [{ Length: > 0 and <= 255 } value, ..] ? value : null;

    private static int? Number(string? text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;
}
