using System.Reflection;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Orchestrator.Service.Telemetry;

/// <summary>Puts OpenTelemetry's SDK into the service, as far as anybody wants to know anything; the same on both hosts.</summary>
internal static class TelemetryRegistration
{
    /// <summary>The name that the service goes by, where <c>OTEL_SERVICE_NAME</c> says no other.</summary>
    private const string ServiceName = "message-orchestrator";

    /// <summary>What others measure: the server's requests, the pool and the commands of the database, the runtime.</summary>
    private static readonly string[] OtherMeters = ["Microsoft.AspNetCore.Hosting", "Npgsql", "System.Runtime"];

    public static IServiceCollection AddTelemetry(this IServiceCollection services, TelemetrySettings settings)
    {
        services.AddSingleton(settings).AddSingleton<QueueReading>();
        if (!settings.MeasuresAnything && !settings.PushesTraces)
            return services;

        var sdk = services.AddOpenTelemetry().ConfigureResource(resource => resource.Clear()
            .AddService(ServiceName, serviceVersion: Version()).AddTelemetrySdk().AddEnvironmentVariableDetector());
        if (settings.MeasuresAnything)
            sdk.WithMetrics(metrics => AddMetrics(metrics, settings));
        if (settings.ShowsMetrics)
            services.AddSingleton<Scrape>();
        if (settings.PushesMetrics)
            services.AddHostedService<QueueReadingLoop>();
        if (settings.PushesTraces)
            sdk.WithTracing(AddTraces);
        return services;
    }

    private static void AddMetrics(MeterProviderBuilder metrics, TelemetrySettings settings)
    {
        // The gauges exist as soon as the service that they belong to does.
        metrics.AddMeter([Instruments.Name, .. OtherMeters]).AddInstrumentation(services => services.GetRequiredService<QueueReading>());
        if (settings.ShowsMetrics)
            metrics.AddReader(services => services.GetRequiredService<Scrape>());
        if (settings.PushesMetrics)
            metrics.AddOtlpExporter();
    }

    private static void AddTraces(TracerProviderBuilder traces) => traces
        .AddSource(Instruments.Name)
        // The Functions worker's own, without which a function there would begin outside of its request's trace.
        .AddSource("Microsoft.Azure.Functions.Worker")
        .AddAspNetCoreInstrumentation(requests =>
        {
            requests.Filter = context => !IsWatching(context.Request.Path);
            requests.EnrichWithHttpResponse = (span, response) =>
            {
                // The path names users, and callers write into it and into the query what they like.
                span.SetTag("url.path", (response.HttpContext.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText is { } route ? $"/{route.TrimStart('/')}" : null);
                span.SetTag("url.query", null);
            };
        })
        .AddOtlpExporter();

    /// <summary>Requests that come by the clock, to see whether the service works.</summary>
    private static bool IsWatching(PathString path) => path == "/health" || path == "/metrics";

    private static string? Version() =>
        typeof(TelemetryRegistration).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;
}
