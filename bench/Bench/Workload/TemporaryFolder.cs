namespace Orchestrator.Bench.Workload;

/// <summary>A folder for a run, which goes with it.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public TemporaryFolder()
    {
        // Root runs PostgreSQL as another user: one that may not enter has its data elsewhere, and nobody deletes them in the end.
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(Path, File.GetUnixFileMode(Path) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
    }

    public string Path { get; } = Directory.CreateTempSubdirectory("orchestrator-bench-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
