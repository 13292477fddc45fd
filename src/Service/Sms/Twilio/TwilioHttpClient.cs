using System.Net.Sockets;
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
                ConnectCallback = ConnectAsync,
            })
            .SetHandlerLifetime(Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// Connects as the framework does, but so that closing drops what was not delivered yet: the kernel would otherwise go on bringing a
    /// request to Twilio, for minutes, after it has been given up.
    /// </summary>
    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellationToken)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, LingerState = new LingerOption(enable: true, seconds: 0) };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellationToken);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}
