using System.Runtime.InteropServices;
using Npgsql;
using Orchestrator.Embedded;
using Orchestrator.Embedded.Postgres;
using Orchestrator.Service;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;

var builder = WebApplication.CreateSlimBuilder(args);
ConfigureLogging(builder.Logging);
// PostgreSQL needs its share of the ten seconds that a shutdown may take.
builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(4));

try
{
    var settings = Settings.Read(builder.Configuration, HostKind.Embedded);
    var host = EmbeddedSettings.Read(builder.Configuration, settings);
    host.RefuseTakenPort();
    settings = settings with { AllowsAnonymous = settings.AllowsAnonymous || host.ListensToOthers };
    await using var postgres = settings.ConnectionString is null ? await StartPostgresAsync(host) : null;
    if (postgres is not null)
    {
        settings = settings with { ConnectionString = ConnectionStrings.Parse(postgres.ConnectionString) };
    }

    builder.Configuration["PROCESS_QUEUE_SCHEDULE"] = settings.ProcessQueueSchedule;
    builder.Services.AddOrchestrator(settings).AddHostedService<TimerTriggers>();
    builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(host.Address, host.Port));

    await using var app = builder.Build();
    app.UseStatusCodePages(NoBodyAsync);
    app.MapHttpFunctions();
    await app.StartAsync();
    if (postgres is not null)
    {
        // Its own database is there, so this takes a moment; what is printed below can then be tried at once.
        await app.Services.GetRequiredService<DatabaseReadiness>().WhenReadyAsync(app.Lifetime.ApplicationStopping);
        await DemoUser.AddAsync(app.Services.GetRequiredService<NpgsqlDataSource>(), app.Lifetime.ApplicationStopping);
    }

    Welcome.Print(app.Services.GetRequiredService<Microsoft.AspNetCore.Hosting.Server.IServer>(), settings,
        postgres is null ? "the database of DATABASE_URL" : $"its own PostgreSQL in {host.DataFolder}");
    await app.WaitForShutdownAsync();
    return 0;
}
catch (Exception e) when (e is SettingsException or EmbeddedPostgresException)
{
    await Console.Error.WriteLineAsync(e.Message);
    return 1;
}
catch (OperationCanceledException)
{
    // Stopped while PostgreSQL was starting.
    return 0;
}

static void ConfigureLogging(ILoggingBuilder logging) => logging
    .ClearProviders()
    .AddSimpleConsole(console =>
    {
        console.SingleLine = true;
        console.UseUtcTimestamp = true;
        console.TimestampFormat = "yyyy-MM-ddTHH:mm:ss.fffZ ";
    })
    .AddFilter("Microsoft", LogLevel.Warning);

static async Task<EmbeddedPostgres> StartPostgresAsync(EmbeddedSettings host)
{
    // The host, which heeds signals once it has started, is not there yet.
    using var stopping = new CancellationTokenSource();
    using var onTerminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using var onInterrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    using var logging = LoggerFactory.Create(ConfigureLogging);
    return await EmbeddedPostgres.StartAsync(
        new EmbeddedPostgresOptions { DataFolder = host.DataFolder, BinariesFolder = host.PostgresBinaries },
        logging.CreateLogger<EmbeddedPostgres>(), stopping.Token);

    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        stopping.Cancel();
    }
}

// Answers that routing gives without a body of their own: an unknown path, a wrong method.
static Task NoBodyAsync(Microsoft.AspNetCore.Diagnostics.StatusCodeContext context) => context.HttpContext.Response.StatusCode switch
{
    StatusCodes.Status404NotFound => Problem.NotFound($"There is no path '{context.HttpContext.Request.Path}'; none begins with /api, and /docs shows all.").ToResult().ExecuteAsync(context.HttpContext),
    StatusCodes.Status405MethodNotAllowed => Problem.MethodNotAllowed(context.HttpContext.Response.Headers.Allow.ToString()).ToResult().ExecuteAsync(context.HttpContext),
    _ => Task.CompletedTask,
};
