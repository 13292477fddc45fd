using System.ComponentModel;
using System.Diagnostics;

namespace Orchestrator.Embedded.Postgres;

/// <summary>A program run to its end.</summary>
/// <param name="ExitCode">0 where it succeeded.</param>
/// <param name="Output">What it wrote to its standard output.</param>
/// <param name="Errors">What it wrote to its standard error.</param>
internal sealed record CommandResult(int ExitCode, string Output, string Errors)
{
    public bool Succeeded => ExitCode == 0;

    /// <summary>The last line it wrote, errors first: usually what went wrong.</summary>
    public string LastLine =>
        Errors.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault()
        ?? Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).LastOrDefault()
        ?? $"exit code {ExitCode}";
}

/// <summary>A program to run, with its arguments.</summary>
/// <param name="Program">Its name, looked up on PATH, or its path.</param>
/// <param name="Arguments">Its arguments.</param>
internal sealed record Command(string Program, params IReadOnlyList<string> Arguments)
{
    public string? WorkingDirectory { get; init; }

    /// <summary>What it reads from its standard input.</summary>
    public string Input { get; init; } = "";

    /// <summary>Put in front of <c>LD_LIBRARY_PATH</c>; null: left as it is.</summary>
    public string? LibraryPath { get; init; }

    /// <summary>
    /// False for a program that leaves another behind: that one may hold on to the output, and reading it would not end before
    /// the other ends.
    /// </summary>
    public bool ReadsOutput { get; init; } = true;

    /// <summary>The program's path on PATH; null where it is not there.</summary>
    public static string? Find(string program)
    {
        string[] suffixes = OperatingSystem.IsWindows() ? [".exe", ".cmd"] : [""];
        var candidates =
            from folder in (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            from suffix in suffixes
            select Path.Combine(folder, program + suffix);
        return candidates.FirstOrDefault(File.Exists);
    }

    /// <summary>Runs it; killed when cancelled.</summary>
    /// <returns>How it ended; exit code 127 where it could not even be started.</returns>
    public async Task<CommandResult> RunAsync(CancellationToken cancellationToken)
    {
        using var process = new Process { StartInfo = ToStartInfo() };
        try
        {
            process.Start();
        }
        catch (Exception e) when (e is Win32Exception or FileNotFoundException or DirectoryNotFoundException)
        {
            return new CommandResult(127, "", e.Message);
        }

        try
        {
            await WriteInputAsync(process, cancellationToken);
            if (!ReadsOutput)
            {
                await process.WaitForExitAsync(cancellationToken);
                return new CommandResult(process.ExitCode, "", "");
            }

            var output = process.StandardOutput.ReadToEndAsync(cancellationToken);
            var errors = process.StandardError.ReadToEndAsync(cancellationToken);
            await process.WaitForExitAsync(cancellationToken);
            return new CommandResult(process.ExitCode, await output, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw;
        }
    }

    private async Task WriteInputAsync(Process process, CancellationToken cancellationToken)
    {
        try
        {
            await process.StandardInput.WriteAsync(Input.AsMemory(), cancellationToken);
            process.StandardInput.Close();
        }
        catch (IOException)
        {
            // It ended without reading; its exit code tells more.
        }
    }

    private ProcessStartInfo ToStartInfo()
    {
        var start = new ProcessStartInfo(Program, Arguments)
        {
            WorkingDirectory = WorkingDirectory ?? "",
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        // PGDATA, PGPORT and the like belong to some other server; messages are read by this code.
        foreach (var name in start.Environment.Keys.Where(name => name.StartsWith("PG", StringComparison.Ordinal)).ToList())
            start.Environment.Remove(name);
        start.Environment["LC_ALL"] = "C";
        start.Environment["TZ"] = "GMT";
        if (LibraryPath is not null)
        {
            start.Environment["LD_LIBRARY_PATH"] =
                start.Environment.TryGetValue("LD_LIBRARY_PATH", out var others) ? LibraryPath + ":" + others : LibraryPath;
        }

        return start;
    }
}
