using System.Globalization;
using System.Text.RegularExpressions;

namespace Orchestrator.Embedded.Postgres;

/// <summary>A folder with the server's programs.</summary>
/// <param name="Folder">The folder that holds <c>initdb</c>, <c>pg_ctl</c> and <c>postgres</c>.</param>
/// <param name="Version">The major version.</param>
/// <param name="LibraryPath">Where they find their shared libraries, as LD_LIBRARY_PATH has it; null: by themselves.</param>
internal sealed partial record PostgresBinaries(string Folder, int Version, string? LibraryPath)
{
    /// <summary>The oldest major version that the service supports.</summary>
    public const int OldestVersion = 15;

    private static readonly string[] Programs = ["initdb", "pg_ctl", "postgres"];

    /// <summary>Looks into a folder, and tries the programs as the account that is to run them.</summary>
    /// <returns>Null where one is missing, does not run or is too old.</returns>
    public static async Task<PostgresBinaries?> TryAsync(
        string folder, string? libraryPath, ServerAccount account, CancellationToken cancellationToken)
    {
        var candidate = new PostgresBinaries(folder, 0, libraryPath);
        if (!Programs.All(program => File.Exists(candidate.PathOf(program))))
            return null;

        var told = await account.As(candidate.Run("postgres", "--version")).RunAsync(cancellationToken);
        return told.Succeeded && MajorVersion().Match(told.Output) is { Success: true } match
            && int.Parse(match.ValueSpan, CultureInfo.InvariantCulture) is >= OldestVersion and var version
            ? candidate with { Version = version }
            : null;
    }

    /// <summary>One of the programs, as a command.</summary>
    public Command Run(string program, params IReadOnlyList<string> arguments) =>
        new(PathOf(program), arguments) { WorkingDirectory = Path.GetPathRoot(Folder), LibraryPath = LibraryPath };

    private string PathOf(string program) => Path.Combine(Folder, OperatingSystem.IsWindows() ? program + ".exe" : program);

    [GeneratedRegex(@"(?<=PostgreSQL\) )\d+", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex MajorVersion();
}
