using NodaTime;
using NodaTime.Text;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>How late messages are handed over on a system that has little to do: the embedded host as it comes, with its ticks 30 seconds apart.</summary>
internal static class Lateness
{
    private const int Messages = 200;

    private static readonly TimeSpan Between = TimeSpan.FromMilliseconds(100);

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        var samples = new Samples();
        for (var run = 0; run < stage.Options.Runs; run++)
            await MeasureAsync(stage, samples);
        return new PartResult(samples.Figures)
        {
            Notes = ["From the time asked for, or from the storing of a message that is due at once, until the time of the batch that handed it over, by the database's clock."],
            Goals = [Goal.AtMost("lateness of a due message on an idle system, p99", "under 100 ms", samples[Name("due later", "p99")], 100)],
        };
    }

    private static string Name(string kind, string part) => $"lateness of messages {kind}, {part}";

    private static async Task MeasureAsync(Stage stage, Samples samples)
    {
        var now = SystemClock.Instance.GetCurrentInstant();
        await using var database = await stage.Server.CreateAsync(new Load(2 * Messages, AreDue: false, At: now));
        await using var host = await EmbeddedProcess.StartAsync(
            ("DATABASE_URL", database.ConnectionString), ("SMS_DELIVERY", "external"), ("Orchestrator__QuietHoursStart", "00:00"), ("Orchestrator__QuietHoursEnd", "00:00"));
        for (var i = 1; i <= Messages; i++)
        {
            // One for later and one for now, for a user each.
            var later = SystemClock.Instance.GetCurrentInstant() + Duration.FromMilliseconds(1000 + Random.Shared.Next(20_000));
            await SendAsync(host, i, InstantPattern.ExtendedIso.Format(later));
            await SendAsync(host, Messages + i, scheduledFor: null);
            await Task.Delay(Between);
        }

        await Task.Delay(TimeSpan.FromSeconds(22));
        foreach (var (kind, condition) in new[] { ("due later", "IS NOT NULL"), ("due at once", "IS NULL") })
        {
            var late = await database.ReadAsync<double[]>(
                $"""
                SELECT coalesce(array_agg(1000 * extract(epoch FROM m.created_at - coalesce(q.not_before, q.created_at))::float8), '{"{}"}')
                FROM message_queue q JOIN messages m ON m.id = q.delivered_message_id
                WHERE q.not_before {condition}
                """);
            if (late.Length != Messages)
                throw new InvalidOperationException($"{late.Length} handed over instead of {Messages}.");
            samples.Add(Name(kind, "median"), "ms", Figure.Percentile(late, 0.5));
            samples.Add(Name(kind, "p99"), "ms", Figure.Percentile(late, 0.99));
            samples.Add(Name(kind, "most"), "ms", late.Max());
        }
    }

    private static async Task SendAsync(EmbeddedProcess host, int user, string? scheduledFor) =>
        await new HttpLoad(host.Endpoint, () => Requests.ScheduleOneFor(user, scheduledFor)).RunOnceAsync(connections: 1);
}
