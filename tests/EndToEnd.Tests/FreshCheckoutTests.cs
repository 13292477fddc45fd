using System.Net;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>The README's first command, as a new user types it: sources alone, nothing built, nothing set up.</summary>
public sealed class FreshCheckoutTests
{
    private static readonly HashSet<string> NotSources = new(StringComparer.Ordinal) { ".git", "bin", "obj", "data", "TestResults" };

    [Fact]
    public async Task Dotnet_run_does_all_the_set_up_serves_and_ends_with_nothing_left_running()
    {
        using var folder = new TemporaryFolder();
        Copy(new DirectoryInfo(Checkout()), folder.Path);

        await using var host = await EmbeddedHost.RunFromSourceAsync(folder.Path, ("PROCESS_QUEUE_SCHEDULE", "* * * * * *"),
            ("Orchestrator__QuietHoursStart", "00:00"), ("Orchestrator__QuietHoursEnd", "00:00"),
            // The same sources have just been analyzed, by the build of this test.
            ("RunAnalyzers", "false"));
        var (status, answer, _) = await host.Client.PostAsync("schedule-message",
            """{"userId": "user_123", "agentId": "concierge_agent_456", "messageData": {"content": "Hi"}, "conversationId": "conv_789"}""");

        status.ShouldBe(HttpStatusCode.OK);
        var delivered = $"Successfully delivered message {answer.GetProperty("messageId").GetString()}";
        await Eventually.HoldsAsync(() => Task.FromResult(host.Output.Contains(delivered, StringComparison.Ordinal)), "the timer delivers the message");
        var server = int.Parse(
            (await File.ReadAllLinesAsync(Path.Combine(folder.Path, "data", "postgres", "postmaster.pid"), TestContext.Current.CancellationToken))[0],
            System.Globalization.CultureInfo.InvariantCulture);
        await host.TerminateAsync();
        await Eventually.HoldsAsync(() => Task.FromResult(!Directory.Exists($"/proc/{server}")), "PostgreSQL has ended");
    }

    private static void Copy(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in from.EnumerateFiles())
            file.CopyTo(Path.Combine(to, file.Name));
        foreach (var child in from.EnumerateDirectories().Where(d => !NotSources.Contains(d.Name)))
            Copy(child, Path.Combine(to, child.Name));
    }

    private static string Checkout()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Orchestrator.sln")))
            folder = Path.GetDirectoryName(folder)!;
        return folder;
    }
}
