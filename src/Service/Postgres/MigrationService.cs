using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Postgres;

/// <summary>Migrates at start-up, and waits for a database that comes later: the process serves from the start, with 503 until then.</summary>
internal sealed class MigrationService(
    Migrator migrator, SmsLedger ledger, Settings settings, DatabaseReadiness readiness, TimeProvider time,
    ILogger<MigrationService> logger) : BackgroundService
{
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(5);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        for (var pause = TimeSpan.FromMilliseconds(250); ; pause = TimeSpan.FromTicks(Math.Min(pause.Ticks * 2, LongestPause.Ticks)))
        {
            try
            {
                foreach (var name in await migrator.MigrateAsync(stoppingToken))
                    Log.MigrationApplied(logger, name);
                await migrator.RetireDispatchersAsync(stoppingToken);
                if (settings.Sms.Delivery != SmsDelivery.External)
                    await ledger.BeginSendingAsync(stoppingToken);
                readiness.Declare();
                return;
            }
            catch (Exception e) when (DatabaseErrors.IsOutOfReach(e) && !stoppingToken.IsCancellationRequested)
            {
                Log.WaitingForDatabase(logger, e.Message);
            }
            catch (Npgsql.PostgresException e)
            {
                // A wrong password, a missing right, a shape that cannot be adopted: someone must act, and may do so while this runs.
                Log.MigrationFailed(logger, e);
            }

            await Task.Delay(pause, time, stoppingToken);
        }
    }
}
