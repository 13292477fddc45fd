using System.Diagnostics;
using System.Globalization;

namespace Orchestrator.Embedded.Postgres;

/// <summary>The server process of one cluster, by way of <c>pg_ctl</c>.</summary>
/// <remarks>
/// pg_ctl gives the server a session of its own. So Ctrl-C in a terminal ends this process alone at first, which then finishes
/// what it does before it stops its database.
/// </remarks>
internal sealed class Postmaster(Cluster cluster, PostgresBinaries binaries, ServerAccount account, string logFile)
{
    private string PidFile => Path.Combine(cluster.Folder, "postmaster.pid");

    /// <summary>The id of the server's process; null when it does not run.</summary>
    public async Task<int?> FindAsync(CancellationToken cancellationToken) =>
        ReadProcessId() is { } id && await IsServerAsync(id, cancellationToken) ? id : null;

    /// <summary>Starts it and waits until it takes connections.</summary>
    /// <returns>Null, or what the server's log says of its failure.</returns>
    public async Task<string?> StartAsync(CancellationToken cancellationToken)
    {
        await DiscardForeignPidFileAsync(cancellationToken);
        return await RunAsync(["start", "-w", "-t", "120", "-l", logFile], cancellationToken);
    }

    /// <summary>Stops it and starts it again.</summary>
    /// <param name="mode">pg_ctl's: <c>fast</c>, or <c>immediate</c>, after which it recovers as after a crash.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null, or what the server's log says of its failure.</returns>
    public Task<string?> RestartAsync(string mode, CancellationToken cancellationToken) =>
        RunAsync(["restart", "-w", "-t", "120", "-m", mode, "-l", logFile], cancellationToken);

    /// <summary>Stops it and waits; nothing happens where it does not run.</summary>
    /// <param name="mode">pg_ctl's: <c>fast</c> or <c>immediate</c>.</param>
    /// <param name="seconds">How long to wait.</param>
    /// <returns>Whether it is gone.</returns>
    public async Task<bool> StopAsync(string mode, int seconds)
    {
        if (await FindAsync(CancellationToken.None) is null)
            return true;

        await RunAsync(["stop", "-w", "-t", seconds.ToString(CultureInfo.InvariantCulture), "-m", mode], CancellationToken.None);
        return await FindAsync(CancellationToken.None) is null;
    }

    /// <summary>Kills it and its children, as the kernel might.</summary>
    public async Task KillAsync(CancellationToken cancellationToken)
    {
        if (await FindAsync(cancellationToken) is not { } id)
            return;

        using var server = Process.GetProcessById(id);
        server.Kill(entireProcessTree: true);
        // In a container whose first process collects no dead children it stays in the list of processes for ever.
        while (await FindAsync(cancellationToken) is not null)
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancellationToken);
    }

    private async Task<string?> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var logged = File.Exists(logFile) ? new FileInfo(logFile).Length : 0;
        var control = binaries.Run("pg_ctl", [.. arguments, "-s", "-D", cluster.Folder]) with
        {
            ReadsOutput = arguments[0] is "stop" || !OperatingSystem.IsWindows(),
        };
        var result = await account.As(control).RunAsync(cancellationToken);
        return result.Succeeded ? null : ReadLog(logged) is { Length: > 0 } log ? log : result.LastLine;
    }

    private string ReadLog(long from)
    {
        using var log = new FileStream(logFile, FileMode.OpenOrCreate, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        log.Position = Math.Min(from, log.Length);
        using var reader = new StreamReader(log);
        return reader.ReadToEnd();
    }

    private int? ReadProcessId()
    {
        try
        {
            return int.TryParse(File.ReadLines(PidFile).FirstOrDefault(), CultureInfo.InvariantCulture, out var id) && id > 0 ? id : null;
        }
        catch (IOException)
        {
            // Not there, or gone while it was being read.
            return null;
        }
    }

    // After a restart of the machine or the container another process may have the number that an old pid file holds. A
    // server works in the folder of its cluster, which Linux tells; elsewhere the name has to do.
    private async Task<bool> IsServerAsync(int id, CancellationToken cancellationToken)
    {
        if (!IsThere(id, out var name))
            return false;
        if (!OperatingSystem.IsLinux())
            return name.StartsWith("postgres", StringComparison.OrdinalIgnoreCase);

        var test = new Command("test", $"/proc/{id}/cwd", "-ef", cluster.Folder) { WorkingDirectory = "/" };
        return (await account.As(test).RunAsync(cancellationToken)).Succeeded;
    }

    // PostgreSQL refuses a pid file that names another process, which it takes for its server, or that names none, as a loss of
    // power may leave it. Where there is no such process it recovers by itself, and checks more than can be checked here.
    private async Task DiscardForeignPidFileAsync(CancellationToken cancellationToken)
    {
        var id = ReadProcessId();
        if (File.Exists(PidFile) && (id is null || (IsThere(id.Value, out _) && !await IsServerAsync(id.Value, cancellationToken))))
            File.Delete(PidFile);
    }

    private static bool IsThere(int id, out string name)
    {
        try
        {
            using var process = Process.GetProcessById(id);
            name = process.ProcessName;
            return true;
        }
        catch (Exception e) when (e is ArgumentException or InvalidOperationException)
        {
            name = "";
            return false;
        }
    }
}
