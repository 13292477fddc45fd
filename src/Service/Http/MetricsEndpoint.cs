using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Http;

/// <summary><c>GET /metrics</c>: behind the API keys, and answered while the database is out of reach too, without what only it knows.</summary>
public sealed class MetricsEndpoint(ApiKeys keys, QueueReading queue, IServiceProvider services)
{
    /// <summary>200 with all metrics as they are now, 401 or 403 to those who may not see them, or 404 where they are turned off.</summary>
    public async Task<IResult> ShowAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (keys.Admit(request).Refusal is { } refusal)
            return refusal.ToResult();
        if (services.GetService<Scrape>() is not { } scrape)
            return Problem.NotFound("Orchestrator__Metrics is false.").ToResult();

        await queue.RefreshAsync(cancellationToken);
        return Results.Text(scrape.CollectText(), PrometheusText.ContentType);
    }
}
