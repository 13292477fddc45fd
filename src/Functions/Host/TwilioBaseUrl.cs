namespace Orchestrator.Functions.Host;

/// <summary>Sends a request elsewhere: the SDK knows no address but Twilio's.</summary>
/// <param name="baseUrl">Where to; its scheme, host and port count.</param>
internal sealed class TwilioBaseUrl(Uri baseUrl) : DelegatingHandler
{
    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        request.RequestUri = new Uri(baseUrl, request.RequestUri!.PathAndQuery);
        return base.SendAsync(request, cancellationToken);
    }
}
