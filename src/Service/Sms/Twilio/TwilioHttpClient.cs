using Microsoft.Extensions.DependencyInjection;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>The named HTTP client that every request to Twilio goes through.</summary>
public static class TwilioHttpClient
{
    /// <summary>Its name.</summary>
    public const string Name = "twilio";

    /// <summary>Adds it, for an account reached as the options say.</summary>
    public static IHttpClientBuilder AddTwilioHttpClient(this IServiceCollection services, TwilioOptions options)
    {
        services.AddSingleton(options);
        return services
            // The exchange ends it.
            .AddHttpClient(Name, client => client.Timeout = Timeout.InfiniteTimeSpan)
            // The address of a list holds the recipient's number.
            .RemoveAllLoggers()
            .AddHttpMessageHandler(() => new LastLookHandler())
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                // A redirected POST is a second request.
                AllowAutoRedirect = false,
                UseCookies = false,
                ConnectTimeout = options.RequestTimeout.ToTimeSpan(),
                PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan);
    }
}
