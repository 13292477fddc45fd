using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Functions.Host;
using Orchestrator.Service;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Sms;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();

// One line for each request is the host's to log, and it does.
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);

try
{
    var settings = Settings.Read(builder.Configuration, HostKind.Functions);
    if (settings.Sms.Delivery == SmsDelivery.Twilio)
        builder.Services.AddTwilioSdk(settings.Twilio!);
    builder.Services.AddOrchestrator(settings);
}
catch (SettingsException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}

await builder.Build().RunAsync();
return 0;
