using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Functions.Host;

/// <summary>Puts Twilio's own SDK behind the seam.</summary>
internal static class TwilioSdk
{
    /// <summary>Adds it, for an account reached as the options say.</summary>
    public static IServiceCollection AddTwilioSdk(this IServiceCollection services, TwilioOptions options)
    {
        services.AddTwilioHttpClient(options).AddHttpMessageHandler(() => new TwilioBaseUrl(options.BaseUrl));
        return services.AddSingleton<ISmsProvider, TwilioSdkSms>();
    }
}
