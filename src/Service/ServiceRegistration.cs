using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Http.Contract;
using Orchestrator.Service.Http.Mcp;
using Orchestrator.Service.Messages;
using Orchestrator.Service.People;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;
using Orchestrator.Service.Telemetry;
using Orchestrator.Service.Upkeep;

namespace Orchestrator.Service;

/// <summary>Puts the service together, the same on both hosts.</summary>
public static class ServiceRegistration
{
    /// <summary>Adds everything the functions need.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="settings">The settings, complete with a connection string.</param>
    public static IServiceCollection AddOrchestrator(this IServiceCollection services, Settings settings)
    {
        services.TryAddSingleton(TimeProvider.System);
        // Npgsql tells every statement, and the MCP SDK every call, at the level at which the service tells every message; and the SDK warns, with a
        // stack trace, of whatever a caller gets wrong.
        services.AddLogging(logging => logging.AddFilter("Npgsql", LogLevel.Warning).AddFilter("ModelContextProtocol", LogLevel.Error));
        services.TryAddSingleton(new DatabaseClock());
        return services
            .AddNpgsqlDataSource(settings.ConnectionString!, source =>
            {
                source.UseNodaTime();
                // The pool's name in its metrics: else it is the connection string.
                source.Name = "orchestrator";
            })
            .AddSingleton(settings)
            .AddSingleton<DatabaseReadiness>()
            .AddSingleton<Migrator>()
            .AddHostedService<MigrationService>()
            .AddSingleton<IdFormat>()
            .AddSingleton<Recipients>()
            .AddSingleton<SendSignal>()
            .AddSingleton(services => new RenderBacklog(settings.Model, services.GetService<ModelBreaker>()))
            .AddSingleton<QueueAlarm>()
            .AddSingleton<Dispatcher>()
            .AddWakeLoop(settings)
            .AddSingleton<QueueTick>()
            .AddSingleton<Scheduler>()
            .AddSingleton<MessageReader>()
            .AddSingleton<MessageChanges>()
            .AddSingleton<MessageCancellation>()
            .AddSingleton<UserStore>()
            .AddSingleton<UserReports>()
            .AddSingleton<BatchScheduler>()
            .AddSingleton<GroupScheduler>()
            .AddSingleton<Pruner>()
            .AddHostedService<PrunerLoop>()
            .AddSingleton<ApiKeys>()
            .AddSingleton<RequestLimits>()
            .AddSingleton<Requests>()
            .AddSingleton<SchedulingEndpoint>()
            .AddSingleton<MessagesEndpoint>()
            .AddSingleton<UserEndpoint>()
            .AddSingleton<QueueEndpoint>()
            .AddSingleton<HealthEndpoint>()
            .AddSingleton<MetricsEndpoint>()
            .AddSingleton<ContractEndpoint>()
            .AddMcp()
            .AddTelemetry(settings.Telemetry)
            .AddRendering(settings)
            .AddSms(settings);
    }

    private static IServiceCollection AddWakeLoop(this IServiceCollection services, Settings settings) =>
        settings.WakesBetweenTicks ? services.AddHostedService<WakeLoop>() : services;

    private static IServiceCollection AddRendering(this IServiceCollection services, Settings settings) => settings.Model is null ? services : services
        .AddLanguageModel(settings.Model)
        .AddSingleton<ModelBreaker>()
        .AddSingleton<RenderLedger>()
        .AddSingleton<Renderer>()
        .AddHostedService<RenderLoop>();

    private static IServiceCollection AddSms(this IServiceCollection services, Settings settings)
    {
        services
            .AddSingleton<OptOuts>()
            .AddSingleton<SmsLedger>()
            .AddSingleton<SmsReports>()
            .AddSingleton<InboundMessages>()
            .AddSingleton<TwilioRequests>()
            .AddSingleton<TwilioStatusEndpoint>()
            .AddSingleton<TwilioInboundEndpoint>();
        if (settings.Sms.Delivery == SmsDelivery.External)
            return services;

        // A host may have brought its own way to the provider.
        if (settings.Sms.Delivery == SmsDelivery.Log)
            services.AddSingleton<ISmsProvider, PrintedSms>();
        else if (!services.Any(service => service.ServiceType == typeof(ISmsProvider)))
            services.AddSingleton<ISmsProvider, TwilioSms>().AddTwilioHttpClient(settings.Twilio!);

        return services
            .AddSingleton<SmsInquiry>()
            .AddSingleton<SmsSender>()
            .AddHostedService<SmsSenderLoop>();
    }
}
