using System.Globalization;
using Orchestrator.Bench.Measuring;
using Orchestrator.Bench.Report;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Parts;

/// <summary>What one message costs the database, from its request to its hand-over.</summary>
internal static class Cost
{
    private const int Users = 20_000;

    private static readonly TimeSpan Time = TimeSpan.FromSeconds(3);

    public static async Task<PartResult> RunAsync(Stage stage)
    {
        await Drain.WarmUpAsync(stage.Server);
        var schedule = new Load(Users, AreDue: false);
        (string Name, Load Load, Func<Database, Task<int>> Work)[] steps =
        [
            ("POST /schedule-message, one at a time", schedule, database => PostAsync(database, connections: 1, () => Requests.ScheduleOne(Users), messages: 1)),
            ("POST /schedule-message, 64 at once", schedule, database => PostAsync(database, connections: 64, () => Requests.ScheduleOne(Users), messages: 1)),
            ("POST /schedule-messages, 1,000 each", schedule, database => PostAsync(database, connections: 4, () => Requests.ScheduleMany(Users), Requests.Many)),
            ("delivery, in batches of 1,000", new Load(Users), DrainAsync),
            ("floor of the delivery", new Load(Users), RunFloorAsync),
        ];

        List<IReadOnlyList<string>> rows = [];
        foreach (var (name, load, work) in steps)
        {
            await using var database = await stage.Server.CreateAsync(load);
            var messages = 0;
            var writes = await WriteCount.MeasureAsync(database.ConnectionString, async () =>
            {
                messages = await work(database);
                database.Source.Clear();
            });
            rows.Add(
            [
                name, Each(writes.Inserted), Each(writes.Updated), Each(writes.HotUpdated), Each(writes.Deleted), Each(writes.IndexEntries), Each(writes.Wal),
                Each(writes.PageImages), Each(writes.Commands), Each(writes.Commits),
            ]);

            string Each(long? count) => count is { } whole
                ? ((double)whole / messages).ToString(whole >= 100L * messages ? "#,0" : "0.###", CultureInfo.InvariantCulture) : "?";
        }

        return new PartResult([])
        {
            Tables =
            [
                new Table(
                    "For each message:",
                    ["", "rows inserted", "updated", "of these HOT", "deleted", "index entries", "bytes of WAL", "of these page images", "commands", "commits"],
                    rows),
            ],
        };
    }

    private static async Task<int> PostAsync(Database database, int connections, Func<byte[]> request, int messages)
    {
        await using var host = await ServiceHost.StartAsync(database);
        return messages * (await new HttpLoad(host.Endpoint, request).RunAsync(connections, Time)).Count;
    }

    private static async Task<int> DrainAsync(Database database)
    {
        await Drain.DispatchAsync(database, Users);
        return Users;
    }

    private static async Task<int> RunFloorAsync(Database database)
    {
        await Drain.RunFloorAsync(database, Users);
        return Users;
    }
}
