using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Takes Twilio's reports of what became of an SMS.</summary>
public sealed class TwilioStatus(TwilioStatusEndpoint endpoint)
{
    /// <summary><c>POST /twilio/status</c>.</summary>
    [Function(nameof(TwilioStatus))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "twilio/status")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ReportAsync(request, cancellationToken);
}
