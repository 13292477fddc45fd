using System.Text.RegularExpressions;

namespace Orchestrator.Embedded.Postgres;

/// <summary>
/// The server's programs from the distribution's own packages, unpacked without being installed: needs no root, and leaves the
/// system as it is.
/// </summary>
internal static partial class AptBinaries
{
    /// <summary>Whether they can be fetched on this machine.</summary>
    public static bool Available => Command.Find("apt-get") is not null && Command.Find("dpkg") is not null;

    /// <summary>Where they are once fetched, with the shared libraries fetched with them.</summary>
    /// <param name="downloads">The folder for everything fetched.</param>
    public static IEnumerable<(string Folder, string? LibraryPath)> In(string downloads)
    {
        var versions = Path.Combine(Target(downloads), "usr", "lib", "postgresql");
        return Directory.Exists(versions)
            ? Directory.GetDirectories(versions).Select(version => (Path.Combine(version, "bin"), LibraryPath(downloads)))
            : [];
    }

    /// <summary>Fetches them, once.</summary>
    /// <exception cref="EmbeddedPostgresException">apt-get did not deliver.</exception>
    public static Task FetchAsync(string downloads, ServerAccount account, CancellationToken cancellationToken) =>
        Folders.FillOnceAsync(Target(downloads), part => FillAsync(part, account, cancellationToken));

    private static async Task FillAsync(string part, ServerAccount account, CancellationToken cancellationToken)
    {
        // Lists and cache of its own: those of the system are root's, and in a container often empty.
        var state = Path.Combine(part, "apt");
        foreach (var folder in (string[])["lists/partial", "cache/archives/partial", "packages"])
            Directory.CreateDirectory(Path.Combine(state, folder));
        string[] options =
        [
            "-q", "-o", $"Dir::State::lists={state}/lists", "-o", $"Dir::Cache={state}/cache", "-o", "Debug::NoLocking=true",
            // As root, apt would hand the downloads to a user of its own, who may not enter this folder.
            "-o", "APT::Sandbox::User=root",
        ];

        await AptAsync("update");
        var plan = await AptAsync("install", "--simulate", "--no-install-recommends", "postgresql");
        string[] packages = [.. Planned().Matches(plan).Where(IsNeeded).Select(match => $"{match.Groups["name"]}={match.Groups["version"]}")];
        if (packages.Length == 0)
            throw new EmbeddedPostgresException("apt-get knows no package of the server");

        await AptAsync(["download", .. packages]);
        foreach (var package in Directory.GetFiles(Path.Combine(state, "packages"), "*.deb"))
        {
            var unpacked = await new Command("dpkg", "-x", package, part).RunAsync(cancellationToken);
            if (!unpacked.Succeeded)
                throw new EmbeddedPostgresException(unpacked.LastLine);
        }

        Directory.Delete(state, recursive: true);
        await account.OwnAsync(part, cancellationToken);

        async Task<string> AptAsync(params string[] arguments)
        {
            var command = new Command("apt-get", [.. options, .. arguments]) { WorkingDirectory = Path.Combine(state, "packages") };
            var result = await command.RunAsync(cancellationToken);
            return result.Succeeded ? result.Output : throw new EmbeddedPostgresException(result.LastLine);
        }
    }

    private static string Target(string downloads) => Path.Combine(downloads, "postgres-apt");

    private static string? LibraryPath(string downloads)
    {
        var folders =
            from parent in (string[])["usr/lib", "lib"]
            let folder = Path.Combine(Target(downloads), parent)
            where Directory.Exists(folder)
            from architecture in Directory.GetDirectories(folder, "*-linux-gnu*")
            select architecture;
        return string.Join(':', folders) is { Length: > 0 } path ? path : null;
    }

    // The server and shared libraries. Not the Perl scripts around it, and not LLVM, larger than all the rest together: only
    // the just-in-time compiler needs it, which is off.
    private static bool IsNeeded(Match match) => match.Groups["name"].Value is var name
        && (Server().IsMatch(name) || (name.StartsWith("lib", StringComparison.Ordinal)
            && !name.StartsWith("libllvm", StringComparison.Ordinal) && !name.EndsWith("-perl", StringComparison.Ordinal)));

    // "Inst postgresql-16 (16.4-1 Distribution [amd64])", with "[older version]" before the parenthesis for an upgrade.
    [GeneratedRegex(@"^Inst (?<name>\S+) (\[\S+\] )?\((?<version>\S+)", RegexOptions.Multiline | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Planned();

    [GeneratedRegex(@"^postgresql-\d+$", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Server();
}
