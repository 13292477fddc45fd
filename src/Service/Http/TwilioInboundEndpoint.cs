using System.Globalization;
using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Http;

/// <summary><c>POST /twilio/inbound</c>: what somebody has written. The answer is TwiML that says nothing back.</summary>
public sealed class TwilioInboundEndpoint(TwilioRequests requests, InboundMessages inbound)
{
    private const string NoReply = """<?xml version="1.0" encoding="UTF-8"?><Response></Response>""";

    /// <summary>Stores the message, and heeds STOP and START.</summary>
    public Task<IResult> ReceiveAsync(HttpRequest request, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, async form =>
        {
            var sid = form["MessageSid"].ToString();
            var from = form["From"].ToString();
            if (sid.Length is 0 or > 100 || from.Length is 0 or > 100)
                return Problem.InvalidRequest("MessageSid, From", "are required").ToResult();

            var media = int.TryParse(form["NumMedia"], NumberStyles.None, CultureInfo.InvariantCulture, out var count) ? count : 0;
            await inbound.ReceiveAsync(new InboundMessage(sid, from, form["Body"].ToString(), media, form["OptOutType"]), cancellationToken);
            return Results.Text(NoReply, "text/xml");
        }, cancellationToken);
}
