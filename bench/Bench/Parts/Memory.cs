using System.Globalization;
using NodaTime;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>How much memory one process needs for all that the other parts do: the embedded host, on this server, in a process of its own.</summary>
internal static class Memory
{
    private const int Users = 50_000;

    private static readonly TimeSpan Time = TimeSpan.FromSeconds(5);

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        // The process has the time of day, so the load is about now.
        var now = SystemClock.Instance.GetCurrentInstant();
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
            await MeasureAsync(stage, samples, now);

        var collector = await EmbeddedProcess.DescribeCollectorAsync();
        return new PartResult(samples.Figures)
        {
            Notes = [$"The process: {collector}."],
            Goals = [Goal.AtMost("memory of one process during all of it", "under 250 MB", samples.Figures[^1], 250)],
        };
    }

    private static async Task MeasureAsync(Stage stage, Samples samples, Instant now)
    {
        var load = new Load(Users, Waiting: stage.Options.Waiting, At: now);
        await using var database = await stage.Server.CreateAsync(load);
        await using var host = await EmbeddedProcess.StartAsync([("DATABASE_URL", database.ConnectionString), .. Settings(now)]);
        Peak("started");

        await new HttpLoad(host.Endpoint, Requests.ProcessQueue).RunOnceAsync(connections: 2);
        var sent = await database.ReadAsync<int>("SELECT count(*)::int FROM message_queue WHERE status = 'sent'");
        if (sent != Users)
            throw new InvalidOperationException($"{sent} delivered instead of {Users}.");
        Peak($"and {Users:#,0} messages drained, twice at once");

        await Send(() => Requests.ScheduleOne(Users), connections: 64, Time);
        Peak("and POST /schedule-message, 64 connections");
        await Send(() => Requests.ScheduleMany(Users), connections: 4, Time);
        Peak("and POST /schedule-messages, 1,000 each, 4 connections");
        await Send(() => Requests.Get("/messages?limit=200"), connections: 8, Time);
        Peak("and GET /messages, 200 each, 8 connections: the peak of all");

        void Peak(string after) => samples.Add(after, "MB", host.PeakMegabytes);

        Task Send(Func<byte[]> request, int connections, TimeSpan time) => new HttpLoad(host.Endpoint, request).RunAsync(connections, time);
    }

    /// <summary>Limits and quiet hours that everyone has and nobody reaches; nothing is sent, and no tick comes between.</summary>
    private static IEnumerable<(string, string)> Settings(Instant now)
    {
        var inNewYork = now.InZone(DateTimeZoneProviders.Tzdb["America/New_York"]).TimeOfDay;
        return
        [
            ("SMS_DELIVERY", "external"),
            ("PROCESS_QUEUE_SCHEDULE", "0 0 0 1 1 *"),
            ("Orchestrator__HourlyLimit", "10"),
            ("Orchestrator__DailyLimit", "50"),
            ("Orchestrator__QuietHoursStart", Format(inNewYork.PlusHours(6))),
            ("Orchestrator__QuietHoursEnd", Format(inNewYork.PlusHours(7))),
        ];

        static string Format(LocalTime time) => time.ToString("HH:mm", CultureInfo.InvariantCulture);
    }
}
