using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orchestrator.Service;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Bench.Workload;

/// <summary>The service's endpoints on Kestrel, in this process, on a free port.</summary>
internal sealed class ServiceHost : IAsyncDisposable
{
    private readonly WebApplication _application;

    private ServiceHost(WebApplication application) => _application = application;

    public IPEndPoint Endpoint
    {
        get
        {
            var addresses = _application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses;
            return new IPEndPoint(IPAddress.Loopback, new Uri(addresses.Single()).Port);
        }
    }

    /// <summary>Starts, and waits until requests are accepted.</summary>
    public static async Task<ServiceHost> StartAsync(Database database)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.Services.AddSingleton(Noon.StartClock()).AddOrchestrator(database.Settings);
        var application = builder.Build();
        application.MapPost("/schedule-message", (SchedulingEndpoint endpoint, HttpRequest request, CancellationToken cancellationToken) =>
            endpoint.ScheduleAsync(request, cancellationToken));
        application.MapGet("/health", (HealthEndpoint endpoint, HttpRequest request, CancellationToken cancellationToken) =>
            endpoint.CheckAsync(request, cancellationToken));
        application.MapPost("/schedule-messages", (SchedulingEndpoint endpoint, HttpRequest request, CancellationToken cancellationToken) =>
            endpoint.ScheduleManyAsync(request, cancellationToken));
        application.MapGet("/messages", (MessagesEndpoint endpoint, HttpRequest request, CancellationToken cancellationToken) =>
            endpoint.ListAsync(request, cancellationToken));
        await application.StartAsync();
        await application.Services.GetRequiredService<DatabaseReadiness>().WhenReadyAsync(CancellationToken.None);
        return new ServiceHost(application);
    }

    public async ValueTask DisposeAsync()
    {
        await _application.StopAsync();
        await _application.DisposeAsync();
    }
}
