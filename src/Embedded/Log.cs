namespace Orchestrator.Embedded;

/// <summary>What this host logs by itself; no password is ever among it.</summary>
internal static partial class Log
{
    [LoggerMessage(102, LogLevel.Information, "Creating the database in {Folder}")]
    public static partial void CreatingDatabase(ILogger logger, string folder);

    [LoggerMessage(103, LogLevel.Information, "PostgreSQL {Version} is ready on 127.0.0.1:{Port}, data in {Folder}")]
    public static partial void PostgresReady(ILogger logger, int version, int port, string folder);

    [LoggerMessage(104, LogLevel.Warning, "PostgreSQL of an earlier run, process {ProcessId}, is still there; stopping it")]
    public static partial void StoppingOrphan(ILogger logger, int processId);

    [LoggerMessage(105, LogLevel.Warning, "PostgreSQL does not run as root, and the user it runs as cannot enter {Folder}; using {Fallback} instead")]
    public static partial void FolderOutOfReach(ILogger logger, string folder, string fallback);

    [LoggerMessage(106, LogLevel.Information, "PostgreSQL {Version} is not installed; fetching it with {Tool}, this once")]
    public static partial void FetchingPostgres(ILogger logger, string version, string tool);

    [LoggerMessage(107, LogLevel.Warning, "PostgreSQL could not be had with {Tool}: {Fault}")]
    public static partial void FetchFailed(ILogger logger, string tool, string fault);

    [LoggerMessage(108, LogLevel.Warning, "PostgreSQL did not stop in time and was stopped at once; it recovers at the next start")]
    public static partial void StoppedAtOnce(ILogger logger);
}
