using System.Globalization;
using System.Security.Cryptography;

namespace Orchestrator.Embedded.Postgres;

/// <summary>A database cluster: the folder that PostgreSQL keeps everything in, and beside PostgreSQL's files the password.</summary>
/// <param name="folder">The folder; it exists only when complete.</param>
internal sealed class Cluster(string folder)
{
    /// <summary>The superuser, who owns everything.</summary>
    public const string User = "orchestrator";

    /// <summary>The database made in it.</summary>
    public const string Database = "orchestrator";

    private const string PasswordFile = "orchestrator.password";

    /// <summary>The folder.</summary>
    public string Folder => folder;

    /// <summary>Reads the major version that made it; null while there is none.</summary>
    /// <exception cref="EmbeddedPostgresException">The folder is there but is no cluster, or somebody else's.</exception>
    public int? ReadVersion() => Directory.Exists(folder) ? int.Parse(Read("PG_VERSION"), CultureInfo.InvariantCulture) : null;

    /// <summary>Reads the superuser's password: random, and readable by nobody else.</summary>
    /// <exception cref="EmbeddedPostgresException">It is gone.</exception>
    public string ReadPassword() => Read(PasswordFile);

    /// <summary>Creates it.</summary>
    /// <param name="binaries">The programs, whose version it will have.</param>
    /// <param name="account">Who will run them.</param>
    /// <param name="durable">False where the server runs without fsync, and need not wait for the disk here either.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="EmbeddedPostgresException">initdb failed.</exception>
    public async Task CreateAsync(PostgresBinaries binaries, ServerAccount account, bool durable, CancellationToken cancellationToken)
    {
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
                string[] sync = durable ? [] : ["--no-sync"];
                var created = await account.As(binaries.Run("initdb", [
                    "-D", part, "--encoding=UTF8", "--locale=C", "--username=" + User, "--auth=scram-sha-256",
                    "--pwfile=" + password, "--no-instructions", .. sync])).RunAsync(cancellationToken);
                ThrowUnlessSucceeded(created);

                // The server itself, run for one statement: so that a cluster is never there without its database.
                var single = binaries.Run("postgres", "--single", "-D", part, "-c", "exit_on_error=on", "postgres");
                ThrowUnlessSucceeded(await account.As(single with { Input = $"CREATE DATABASE {Database}\n" }).RunAsync(cancellationToken));
                File.Move(password, Path.Combine(part, PasswordFile));
            }
            finally
            {
                File.Delete(password);
            }
        });
    }

    /// <summary>Removes what a killed process has left of an attempt to create it.</summary>
    public void DiscardAttempts() => Folders.DiscardParts(folder, age: TimeSpan.Zero);

    /// <summary>Gives it settings, instead of those it had.</summary>
    /// <remarks>In its own file, so that it starts the same way whoever starts it.</remarks>
    public Task ConfigureAsync(IEnumerable<KeyValuePair<string, string>> settings, CancellationToken cancellationToken)
    {
        var lines = settings.Select(setting => $"{setting.Key} = '{setting.Value.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("'", "''", StringComparison.Ordinal)}'");
        return File.WriteAllLinesAsync(Path.Combine(folder, "postgresql.conf"), lines, cancellationToken);
    }

    private static void ThrowUnlessSucceeded(CommandResult result)
    {
        if (!result.Succeeded)
            throw new EmbeddedPostgresException($"The database could not be created: {result.LastLine}");
    }

    private string Read(string file)
    {
        try
        {
            return File.ReadAllText(Path.Combine(folder, file)).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException(
                $"{folder} cannot be used ({e.Message.TrimEnd('.')}): give it to this user, or move it away to begin with an empty database", e);
        }
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
