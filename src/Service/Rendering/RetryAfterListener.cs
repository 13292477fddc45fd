using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>Notes when the provider wants to be asked again: the SDK's exceptions do not carry the header. One for each call.</summary>
/// <param name="time">The clock that a date in the header is compared with.</param>
internal sealed class RetryAfterListener(TimeProvider time) : DelegatingHandler
{
    /// <summary>How long to wait, from no time at all to a day; null: the provider does not say.</summary>
    public Duration? RetryAfter { get; private set; }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var response = await base.SendAsync(request, cancellationToken);
        if (response.Headers.RetryAfter is { } header && (header.Delta ?? header.Date - time.GetUtcNow()) is { } wait)
            RetryAfter = Duration.Max(Duration.Zero, Duration.Min(Duration.FromDays(1), Duration.FromTimeSpan(wait)));
        return response;
    }
}
