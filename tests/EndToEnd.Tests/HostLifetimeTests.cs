using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>The host with its own PostgreSQL: how it starts, how it ends, and what is left when it could do neither in order.</summary>
public sealed class HostLifetimeTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private (string, string)[] Settings =>
    [
        ("Orchestrator__DataFolder", _folder.Path),
        ("Orchestrator__QuietHoursStart", "00:00"),
        ("Orchestrator__QuietHoursEnd", "00:00"),
    ];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_first_start_needs_no_settings_and_serves_the_demo_user()
    {
        await using var host = await EmbeddedHost.StartAsync(Settings);

        await ScheduleAsync(host);

        host.Output.ShouldContain("user_123");
        host.Output.ShouldContain("TWILIO");
        host.Output.ShouldContain("Model");
        host.Output.ShouldContain("ORCHESTRATOR_API_KEYS");
        host.Client.BaseAddress!.IsLoopback.ShouldBeTrue();
    }

    [Fact]
    public async Task SIGTERM_ends_the_host_and_its_PostgreSQL_within_ten_seconds_and_a_second_start_has_the_data()
    {
        await using var first = await EmbeddedHost.StartAsync(Settings);
        var answered = await ScheduleAsync(first);
        var server = ServerProcess();

        var (exitCode, took) = await first.TerminateAsync();

        exitCode.ShouldBe(0);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(10));
        // The server says that it is down a moment before its process ends.
        await Eventually.HoldsAsync(() => Task.FromResult(!IsRunning(server)), "PostgreSQL has ended");
        await using var second = await EmbeddedHost.StartAsync(Settings);
        (await ScheduleAsync(second)).ShouldBe(answered);
    }

    [Fact]
    public async Task After_SIGKILL_the_next_start_comes_up_by_itself_with_the_data()
    {
        await using var first = await EmbeddedHost.StartAsync(Settings);
        var answered = await ScheduleAsync(first);
        var orphan = ServerProcess();
        await first.KillAsync();
        IsRunning(orphan).ShouldBeTrue();

        await using var second = await EmbeddedHost.StartAsync(Settings);

        ServerProcess().ShouldNotBe(orphan);
        (await ScheduleAsync(second)).ShouldBe(answered);
    }

    [Fact]
    public async Task A_host_killed_while_it_creates_the_database_leaves_nothing_half_done()
    {
        await using var first = EmbeddedHost.Launch(Settings);
        await InitdbHasBegunAsync();
        await first.KillAsync();
        Directory.Exists(Path.Combine(_folder.Path, "postgres")).ShouldBeFalse();

        await using var second = await EmbeddedHost.StartAsync(Settings);

        await ScheduleAsync(second);
    }

    [Fact]
    public async Task SIGTERM_while_the_database_is_created_ends_the_host_with_no_process_left()
    {
        await using var host = EmbeddedHost.Launch(Settings);
        await InitdbHasBegunAsync();

        var (_, took) = await host.TerminateAsync();

        took.ShouldBeLessThan(TimeSpan.FromSeconds(10));
        host.Output.ShouldNotContain("   at ");
        ProcessesOn(_folder.Path).ShouldBeEmpty();
    }

    [Fact]
    public async Task Neither_a_second_host_on_the_same_folder_nor_one_on_a_taken_port_starts_and_each_says_so_in_one_line()
    {
        await using var first = await EmbeddedHost.StartAsync(Settings);

        var (sameFolder, folderTold) = await EmbeddedHost.RunToEndAsync(Settings);

        sameFolder.ShouldBe(1);
        folderTold.ShouldContain(_folder.Path);
        folderTold.ShouldContain("Orchestrator__DataFolder");
        folderTold.Split('\n').Length.ShouldBe(1);

        using var other = new TemporaryFolder();
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        var (takenPort, portTold) = await EmbeddedHost.RunToEndAsync([("Orchestrator__DataFolder", other.Path), ("PORT", port)]);

        takenPort.ShouldBe(1);
        portTold.ShouldContain(port);
        portTold.ShouldNotContain("   at ");
        ProcessesOn(other.Path).ShouldBeEmpty();
        (await first.Client.GetJsonAsync("health")).Status.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("Orchestrator__DailyLimmit", "5")]
    [InlineData("Orchestrator__DailyLimit", "many")]
    [InlineData("PROCESS_QUEUE_SCHEDULE", "* * * * *")]
    [InlineData("PROCESS_QUEUE_SCHEDULE", "now and then")]
    [InlineData("PORT", "http")]
    [InlineData("DATABASE_URL", "nonsense")]
    [InlineData("Orchestrator__PostgresBinaries", "/nowhere")]
    public async Task A_wrong_or_unknown_setting_stops_the_start_with_one_line_that_names_it(string name, string value)
    {
        var (exitCode, told) = await EmbeddedHost.RunToEndAsync([.. Settings.Where(setting => setting.Item1 != name), (name, value)]);

        exitCode.ShouldBe(1);
        told.ShouldStartWith(name);
        told.Split('\n').Length.ShouldBe(1);
    }

    [Fact]
    public async Task The_queue_is_processed_on_the_schedule_of_the_setting()
    {
        await using var host = await EmbeddedHost.StartAsync([.. Settings, ("PROCESS_QUEUE_SCHEDULE", "* * * * * *")]);

        await ScheduleAsync(host);

        await Eventually.HoldsAsync(
            async () => (await host.Client.GetJsonAsync("health")).Body.GetProperty("stats").GetProperty("messagesProcessed").GetInt64() == 1,
            "the message is processed though nobody asked for it");
    }

    /// <summary>Sends the README's request under one key: where the host still has the message, the same answer comes back.</summary>
    private static async Task<Guid> ScheduleAsync(EmbeddedHost host)
    {
        const string Body =
            """
            {"userId": "user_123", "agentId": "concierge_agent_456", "messageData": {"content": "Your intro request has been matched!"},
             "priority": "high", "conversationId": "conv_789"}
            """;
        // The demo user comes a moment after the first migration.
        (HttpStatusCode Status, System.Text.Json.JsonElement Answer, HttpResponseMessage Response) sent = default;
        await Eventually.HoldsAsync(async () =>
        {
            sent = await host.Client.PostAsync("schedule-message", Body, ("Idempotency-Key", "the one request"));
            return sent.Status != HttpStatusCode.NotFound;
        }, "the demo user is there");
        sent.Status.ShouldBe(HttpStatusCode.OK);
        return sent.Answer.GetProperty("messageId").GetGuid();
    }

    private Task InitdbHasBegunAsync() => Eventually.HoldsAsync(
        () => Task.FromResult(Directory.GetDirectories(_folder.Path).Any(part => File.Exists(Path.Combine(part, "PG_VERSION")))),
        "initdb has begun");

    private int ServerProcess() =>
        int.Parse(File.ReadLines(Path.Combine(_folder.Path, "postgres", "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    private static bool IsRunning(int id)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    /// <summary>What runs with the folder on its command line: initdb, and PostgreSQL itself.</summary>
    private static IReadOnlyList<string> ProcessesOn(string folder) =>
    [
        .. from process in Directory.GetDirectories("/proc")
           let commandLine = Path.Combine(process, "cmdline")
           where int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out _) && File.Exists(commandLine)
           let arguments = Read(commandLine)
           where arguments.Contains(folder, StringComparison.Ordinal)
           select arguments.Replace('\0', ' '),
    ];

    private static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The process has ended meanwhile.
            return "";
        }
    }
}
