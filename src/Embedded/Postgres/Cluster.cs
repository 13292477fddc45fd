using System.Globalization;
using System.Security.Cryptography;

namespace Orchestrator.Embedded.Postgres;

/// <summary>A database cluster: the folder that PostgreSQL keeps everything in, and beside PostgreSQL's files the password.</summary>
/// <param name="folder">The folder; it exists only when complete.</param>
internal sealed class Cluster(string folder)
{
    /// <summary>The superuser, who owns everything.</summary>
    public const string User = "orchestrator";

    private const string PasswordFile = "orchestrator.password";

    /// <summary>The folder.</summary>
    public string Folder => folder;

    /// <summary>The major version that made it; null while there is none.</summary>
    public int? Version => Directory.Exists(folder)
        ? int.Parse(File.ReadAllText(Path.Combine(folder, "PG_VERSION")), CultureInfo.InvariantCulture)
        : null;

    /// <summary>The superuser's password: random, and readable by nobody else.</summary>
    public string Password => File.ReadAllText(Path.Combine(folder, PasswordFile));

    /// <summary>Creates it where there is none.</summary>
    /// <exception cref="EmbeddedPostgresException">initdb failed.</exception>
    public async Task CreateOnceAsync(PostgresBinaries binaries, ServerAccount account, CancellationToken cancellationToken)
    {
        Folders.DiscardParts(folder);
        await Folders.FillOnceAsync(folder, async part =>
        {
            if (!OperatingSystem.IsWindows())
                File.SetUnixFileMode(part, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            await account.OwnAsync(part, cancellationToken);

            // initdb wants an empty folder, so the password waits beside it.
            var password = part + ".password";
            try
            {
                await WritePrivatelyAsync(password, RandomNumberGenerator.GetHexString(32, lowercase: true), cancellationToken);
                await account.OwnAsync(password, cancellationToken);
                var created = await account.As(binaries.Run(
                    "initdb", "-D", part, "--encoding=UTF8", "--locale=C", "--username=" + User, "--auth=scram-sha-256",
                    "--pwfile=" + password, "--no-instructions")).RunAsync(cancellationToken);
                if (!created.Succeeded)
                    throw new EmbeddedPostgresException($"The database could not be created: {created.LastLine}");
                File.Move(password, Path.Combine(part, PasswordFile));
            }
            finally
            {
                File.Delete(password);
            }
        });
    }

    private static async Task WritePrivatelyAsync(string path, string text, CancellationToken cancellationToken)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        await using var writer = new StreamWriter(path, options);
        await writer.WriteAsync(text.AsMemory(), cancellationToken);
    }
}
