using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Functions.Host;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

public sealed class TwilioSdkSmsTests : TwilioContract
{
    protected override ISmsProvider Create(IServiceCollection services, TwilioOptions options, Func<ServiceProvider> build)
    {
        services.AddTwilioSdk(options);
        return build().GetRequiredService<ISmsProvider>();
    }
}
