using Microsoft.Extensions.Hosting;

namespace Orchestrator.Service.Telemetry;

/// <summary>Refreshes the gauges of the queue as often as metrics are pushed; nobody asks for them before a push.</summary>
internal sealed class QueueReadingLoop(QueueReading reading, TelemetrySettings settings, TimeProvider time) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var ticks = new PeriodicTimer(settings.ExportInterval, time);
        try
        {
            do
                await reading.RefreshAsync(stoppingToken);
            while (await ticks.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The process is stopping.
        }
    }
}
