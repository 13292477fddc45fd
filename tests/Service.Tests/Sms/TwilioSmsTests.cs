using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

public sealed class TwilioSmsTests : TwilioContract
{
    protected override ISmsProvider Create(IServiceCollection services, TwilioOptions options, Func<ServiceProvider> build)
    {
        services.AddTwilioHttpClient(options);
        return ActivatorUtilities.CreateInstance<TwilioSms>(build());
    }
}
