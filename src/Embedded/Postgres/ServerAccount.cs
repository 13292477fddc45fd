using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Orchestrator.Embedded.Postgres;

/// <summary>
/// The user that PostgreSQL's programs run as. PostgreSQL refuses root, so root runs them as somebody else; everyone else runs
/// them as himself.
/// </summary>
internal sealed class ServerAccount
{
    private static readonly ServerAccount Self = new(null, []);

    private readonly string? _id;
    private readonly IReadOnlyList<string> _prefix;

    private ServerAccount(string? id, IReadOnlyList<string> prefix)
    {
        _id = id;
        _prefix = prefix;
    }

    /// <summary>Chooses the account for a cluster that may be there already.</summary>
    /// <param name="clusterFolder">Its owner, when not root, is the account: what was first started by a user stays that user's.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="EmbeddedPostgresException">Run by root, where no other user can be had.</exception>
    public static async Task<ServerAccount> FindAsync(string clusterFolder, CancellationToken cancellationToken)
    {
        if (OperatingSystem.IsWindows() || !Environment.IsPrivilegedProcess)
            return Self;

        var owner = Directory.Exists(clusterFolder) ? await OwnerAsync(clusterFolder, cancellationToken) : null;
        string?[] users = [owner is "0" ? null : owner, "postgres", "nobody"];
        foreach (var user in users.OfType<string>())
        {
            if (await LookUpAsync(user, cancellationToken) is not var (id, group))
                continue;
            foreach (var prefix in Prefixes(user, id, group))
            {
                if ((await new Command(prefix[0], [.. prefix[1..], "true"]).RunAsync(cancellationToken)).Succeeded)
                    return new ServerAccount(id, prefix);
            }
        }

        throw new EmbeddedPostgresException(
            "PostgreSQL does not run as root, and no other user can be had here: start this as an ordinary user, or set DATABASE_URL");
    }

    /// <summary>The command as this account runs it.</summary>
    public Command As(Command command) => _prefix.Count == 0 ? command
        : command with { Program = _prefix[0], Arguments = [.. _prefix.Skip(1), command.Program, .. command.Arguments] };

    /// <summary>Makes it the owner of a file, or of a folder and all in it.</summary>
    public async Task OwnAsync(string path, CancellationToken cancellationToken)
    {
        if (_id is null)
            return;
        var owned = await new Command("chown", "-R", _id, path).RunAsync(cancellationToken);
        if (!owned.Succeeded)
            throw new EmbeddedPostgresException($"{path} cannot be given to the user that PostgreSQL runs as: {owned.LastLine}");
    }

    /// <summary>The folder itself where this account may enter it; else one under /var/tmp of its own, named after it.</summary>
    /// <param name="folder">The folder; made if absent.</param>
    /// <param name="logger">Told when it is another.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="EmbeddedPostgresException">The folder cannot be made, or somebody else has taken the other.</exception>
    public async Task<string> ReachableAsync(string folder, ILogger logger, CancellationToken cancellationToken)
    {
        Make(folder);
        if (_id is null || (await As(new Command("test", "-x", folder)).RunAsync(cancellationToken)).Succeeded)
            return folder;

        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(folder)))[..12];
        var fallback = Path.Combine("/var/tmp", "orchestrator-" + hash);
        Make(fallback);
        // Anyone may make folders there.
        if (OperatingSystem.IsWindows() || await OwnerAsync(fallback, cancellationToken) is not "0")
            throw new EmbeddedPostgresException($"{fallback} belongs to somebody else: set Orchestrator__DataFolder to another folder");
        File.SetUnixFileMode(fallback, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
            | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
        Log.FolderOutOfReach(logger, folder, fallback);
        return fallback;
    }

    private static void Make(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException($"{folder} cannot be made ({e.Message.TrimEnd('.')}): set Orchestrator__DataFolder to another folder", e);
        }
    }

    /// <summary>The numeric id of a folder's owner; null when it cannot be read.</summary>
    private static async Task<string?> OwnerAsync(string folder, CancellationToken cancellationToken)
    {
        var listed = await new Command("ls", "-nd", folder).RunAsync(cancellationToken);
        return listed.Succeeded ? listed.Output.Split(' ', StringSplitOptions.RemoveEmptyEntries).ElementAtOrDefault(2) : null;
    }

    private static async Task<(string Id, string Group)?> LookUpAsync(string user, CancellationToken cancellationToken)
    {
        var id = await new Command("id", "-u", user).RunAsync(cancellationToken);
        var group = await new Command("id", "-g", user).RunAsync(cancellationToken);
        // The group must be the one of the first start too: Linux shows a process only to its own user and group.
        if (id.Succeeded && group.Succeeded)
            return (id.Output.Trim(), group.Output.Trim());
        // An owner may have no name here (a mounted checkout, say); the number is then all there is, and enough.
        return int.TryParse(user, NumberStyles.None, CultureInfo.InvariantCulture, out _) ? (user, user) : null;
    }

    private static string[][] Prefixes(string user, string id, string group) =>
    [
        ["setpriv", $"--reuid={id}", $"--regid={group}", "--clear-groups", "--"],
        ["runuser", "-u", user, "--"],
        ["sudo", "-n", "-u", user, "--"],
        ["su", "-s", "/bin/sh", user, "-c", "exec \"$0\" \"$@\"", "--"],
    ];
}
