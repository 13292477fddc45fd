using System.Reflection;
using NCrontab;

namespace Orchestrator.Embedded.Triggers;

/// <summary>Runs the functions that have a <see cref="TimerTriggerAttribute"/>, each on its schedule, one run at a time.</summary>
internal sealed partial class TimerTriggers(
    IServiceProvider services, IConfiguration configuration, TimeProvider time, ILogger<TimerTriggers> logger) : BackgroundService
{
    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(Function<TimerTriggerAttribute>.All().Select(function => RunAsync(function, stoppingToken)));

    private async Task RunAsync(Function<TimerTriggerAttribute> function, CancellationToken stoppingToken)
    {
        var schedule = CrontabSchedule.Parse(Resolve(function.Trigger.Schedule), new CrontabSchedule.ParseOptions { IncludingSeconds = true });
        var make = ActivatorUtilities.CreateFactory(function.Class, []);
        for (var due = Next(schedule); !stoppingToken.IsCancellationRequested; due = Next(schedule))
        {
            // Timers may fire a little early, and the same tick must not come twice; nor do they take waits of many weeks.
            while (due - time.GetUtcNow() is { Ticks: > 0 } wait)
            {
                var bounded = Math.Clamp(wait.Ticks, TimeSpan.TicksPerMillisecond, TimeSpan.TicksPerDay);
                await Task.Delay(new TimeSpan(bounded), time, stoppingToken);
            }

            try
            {
                await using var scope = services.CreateAsyncScope();
                await (Task)function.Method.Invoke(make(scope.ServiceProvider, []), Arguments(function.Method, stoppingToken))!;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                TickFailed(e, function.Name);
            }
        }
    }

    private DateTimeOffset Next(CrontabSchedule schedule) =>
        new(schedule.GetNextOccurrence(time.GetUtcNow().UtcDateTime), TimeSpan.Zero);

    /// <summary>The expression; <c>%NAME%</c> stands for a setting, as on the Functions host.</summary>
    private string Resolve(string schedule) => schedule is ['%', .., '%']
        ? configuration[schedule[1..^1]] ?? throw new InvalidOperationException($"The setting {schedule} is missing.")
        : schedule;

    private static object[] Arguments(MethodInfo method, CancellationToken stoppingToken) =>
        [.. method.GetParameters().Select(p => p.ParameterType == typeof(CancellationToken) ? (object)stoppingToken : new TimerInfo())];

    [LoggerMessage(101, LogLevel.Error, "{Function} failed; it runs again at its next tick")]
    private partial void TickFailed(Exception exception, string function);
}
