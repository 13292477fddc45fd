namespace Orchestrator.Embedded.Postgres;

/// <summary>The places where an installed PostgreSQL keeps its programs.</summary>
internal static class InstalledBinaries
{
    /// <summary>The folders that hold them: those on PATH first, then the usual ones, newest version first.</summary>
    public static IEnumerable<string> Folders() => OnPath().Concat(UsualPlaces()).Distinct();

    private static IEnumerable<string> OnPath() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries).Where(Path.IsPathFullyQualified);

    private static IEnumerable<string> UsualPlaces() => OperatingSystem.IsWindows()
        ? Versions(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "PostgreSQL"), "*")
        :
        [
            .. Versions("/usr/lib/postgresql", "*"),
            .. Versions("/usr", "pgsql-*"),
            .. Versions("/usr/libexec", "postgresql*", bin: ""),
            .. Versions("/opt/homebrew/opt", "postgresql*"),
            .. Versions("/usr/local/opt", "postgresql*"),
            .. Versions("/home/linuxbrew/.linuxbrew/opt", "postgresql*"),
            .. Versions("/Applications/Postgres.app/Contents/Versions", "*"),
            "/usr/local/pgsql/bin",
        ];

    /// <summary>The folders of programs under one with a folder for each version, the highest number first.</summary>
    private static IEnumerable<string> Versions(string parent, string pattern, string bin = "bin") => !Directory.Exists(parent) ? []
        : Directory.EnumerateDirectories(parent, pattern).OrderByDescending(NumberIn).Select(folder => Path.Combine(folder, bin));

    private static double NumberIn(string folder)
    {
        var digits = new string([.. Path.GetFileName(folder).Where(c => char.IsAsciiDigit(c) || c == '.')]);
        return double.TryParse(digits, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : 0;
    }
}
