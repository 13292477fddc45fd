using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Service;
using Orchestrator.Service.Configuration;

var builder = FunctionsApplication.CreateBuilder(args);
builder.ConfigureFunctionsWebApplication();

// One line for each request is the host's to log, and it does.
builder.Logging.AddFilter("Microsoft.AspNetCore", LogLevel.Warning);

try
{
    var settings = Settings.Read(builder.Configuration, HostKind.Functions);
    builder.Services.AddOrchestrator(settings);
}
catch (SettingsException e)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}

await builder.Build().RunAsync();
return 0;
