using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Takes what people write.</summary>
public sealed class TwilioInbound(TwilioInboundEndpoint endpoint)
{
    /// <summary><c>POST /twilio/inbound</c>.</summary>
    [Function(nameof(TwilioInbound))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "post", Route = "twilio/inbound")] HttpRequest request, CancellationToken cancellationToken) =>
        endpoint.ReceiveAsync(request, cancellationToken);
}
