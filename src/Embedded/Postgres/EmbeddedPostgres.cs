using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using Npgsql;

namespace Orchestrator.Embedded.Postgres;

/// <summary>A private PostgreSQL on a folder of its own, reachable from this machine only; dispose it to stop it.</summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    /// <summary>Longest wait for open transactions and the last checkpoint, in seconds; after that it is stopped at once, and recovers later.</summary>
    private const int StopPatience = 3;

    private static readonly string[] Complaints = ["FATAL", "could not", "invalid value", "unrecognized"];

    private readonly Postmaster _postmaster;
    private readonly IDisposable _lock;
    private readonly ILogger _logger;
    private bool _disposed;

    private EmbeddedPostgres(Postmaster postmaster, string connectionString, IDisposable @lock, ILogger logger)
    {
        (_postmaster, _lock, _logger) = (postmaster, @lock, logger);
        ConnectionString = connectionString;
    }

    /// <summary>How Npgsql connects, as the superuser, to the database <c>orchestrator</c>.</summary>
    public string ConnectionString { get; }

    /// <summary>
    /// Starts a server on the folder, with whatever that takes: finding or fetching PostgreSQL, creating the database, stopping
    /// the server of a process that was killed.
    /// </summary>
    /// <param name="options">The folder, and what differs from the usual.</param>
    /// <param name="logger">Told of what takes long or went another way.</param>
    /// <param name="cancellationToken">Gives up, and leaves no server behind.</param>
    /// <exception cref="EmbeddedPostgresException">It cannot be had; the message says why and what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(
        EmbeddedPostgresOptions options, ILogger logger, CancellationToken cancellationToken)
    {
        var asked = Path.GetFullPath(options.DataFolder);
        var account = await ServerAccount.FindAsync(Path.Combine(asked, "postgres"), cancellationToken);
        var folder = await account.ReachableAsync(asked, logger, cancellationToken);
        var @lock = DataFolderLock.Take(folder);
        try
        {
            var cluster = new Cluster(Path.Combine(folder, "postgres"));
            var version = cluster.ReadVersion();
            var binaries = await new BinariesSearch(options with { DataFolder = folder }, account, logger).FindAsync(version, cancellationToken);
            cluster.DiscardAttempts();
            var settings = AllSettings(options);
            if (version is null)
            {
                Log.CreatingDatabase(logger, cluster.Folder);
                await cluster.CreateAsync(binaries, account, durable: settings.GetValueOrDefault("fsync") is not "off", cancellationToken);
            }

            var password = cluster.ReadPassword();
            // An earlier run may have had another account.
            await account.OwnAsync(cluster.Folder, cancellationToken);
            var postmaster = new Postmaster(cluster, binaries, account, await PrepareLogAsync(folder, account, cancellationToken));
            var port = await StartOnFreePortAsync(postmaster, cluster, settings, logger, cancellationToken);
            Log.PostgresReady(logger, binaries.Version, port, cluster.Folder);
            return new EmbeddedPostgres(postmaster, ConnectionStringOf(port, password), @lock, logger);
        }
        catch (Exception e)
        {
            @lock.Dispose();
            if (e is not (IOException or UnauthorizedAccessException))
                throw;
            // A full disk, files of another user.
            throw new EmbeddedPostgresException($"PostgreSQL cannot be started in {folder}: {e.Message}", e);
        }
    }

    /// <summary>Kills the server and its children as the kernel might: for tests of what survives it.</summary>
    public Task KillAsync(CancellationToken cancellationToken = default) => _postmaster.KillAsync(cancellationToken);

    /// <summary>Starts the server again after <see cref="KillAsync"/>, on the same port.</summary>
    /// <exception cref="EmbeddedPostgresException">It does not start.</exception>
    public async Task StartAgainAsync(CancellationToken cancellationToken = default)
    {
        if (await TryStartAsync(_postmaster, _logger, cancellationToken) is { } fault)
            throw NotStarted(fault);
    }

    /// <summary>Stops the server without notice, cutting every connection, and starts it again on the same port.</summary>
    /// <exception cref="EmbeddedPostgresException">It does not start.</exception>
    public async Task RestartImmediatelyAsync(CancellationToken cancellationToken = default)
    {
        if (await _postmaster.RestartAsync("immediate", cancellationToken) is { } fault)
            throw NotStarted(fault);
    }

    /// <summary>Stops the server, within seconds whatever it does.</summary>
    public async ValueTask DisposeAsync()
    {
        // Without the lock, the server on the folder may be another's.
        if (_disposed)
            return;
        _disposed = true;
        if (!await _postmaster.StopAsync("fast", StopPatience))
        {
            Log.StoppedAtOnce(_logger);
            if (!await _postmaster.StopAsync("immediate", seconds: 1))
                await _postmaster.KillAsync(CancellationToken.None);
        }

        _lock.Dispose();
    }

    // The lock is ours, so whoever started that server is gone.
    private static async Task StopOrphanAsync(Postmaster postmaster, ILogger logger, CancellationToken cancellationToken)
    {
        if (await postmaster.FindAsync(cancellationToken) is not { } id)
            return;

        Log.StoppingOrphan(logger, id);
        if (!await postmaster.StopAsync("fast", seconds: 5) && !await postmaster.StopAsync("immediate", seconds: 10))
            throw new EmbeddedPostgresException($"PostgreSQL of an earlier run, process {id}, does not stop: end it by hand");
    }

    private static async Task<int> StartOnFreePortAsync(
        Postmaster postmaster, Cluster cluster, Dictionary<string, string> settings, ILogger logger, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = FreePort();
            await cluster.ConfigureAsync(settings.Append(new("port", port.ToString(CultureInfo.InvariantCulture))), cancellationToken);
            if (await TryStartAsync(postmaster, logger, cancellationToken) is not { } fault)
                return port;
            // Somebody may take the port between its being found and being used.
            if (attempt == 5 || !IsAbout(fault, "could not bind"))
                throw NotStarted(fault);
        }
    }

    /// <returns>Null, or the server's log of its failure.</returns>
    private static async Task<string?> TryStartAsync(Postmaster postmaster, ILogger logger, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            await StopOrphanAsync(postmaster, logger, cancellationToken);
            try
            {
                var fault = await postmaster.StartAsync(cancellationToken);
                // Children of a server that was killed hold its shared memory until they notice. And a process killed while it
                // was starting a server leaves one that takes the folder a moment later.
                if (attempt == 50 || fault is null || !(IsAbout(fault, "shared memory block") || IsAbout(fault, "lock file")))
                    return fault;
                await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
            }
            catch (OperationCanceledException)
            {
                await postmaster.StopAsync("immediate", seconds: 1);
                throw;
            }
        }
    }

    private static string ConnectionStringOf(int port, string password) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = port,
        Database = Cluster.Database,
        Username = Cluster.User,
        Password = password,
        SslMode = SslMode.Disable,
        // Looking for Kerberos writes to standard error on machines without its library.
        GssEncryptionMode = GssEncryptionMode.Disable,
    }.ConnectionString;

    private static bool IsAbout(string fault, string matter) => fault.Contains(matter, StringComparison.Ordinal);

    private static EmbeddedPostgresException NotStarted(string log)
    {
        var lines = log.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        // Its last word is often but that there were errors.
        var telling = lines.FirstOrDefault(line => Complaints.Any(complaint => IsAbout(line, complaint))) ?? lines.LastOrDefault() ?? "it says nothing";
        return new EmbeddedPostgresException($"PostgreSQL does not start: {telling[(telling.IndexOf(']', StringComparison.Ordinal) + 1)..].TrimStart()}");
    }

    private static Dictionary<string, string> AllSettings(EmbeddedPostgresOptions options)
    {
        var settings = new Dictionary<string, string>
        {
            ["listen_addresses"] = "127.0.0.1",
            ["unix_socket_directories"] = "",
            ["shared_buffers"] = "128MB",
            ["max_connections"] = "200",
            ["jit"] = "off",
            ["timezone"] = "GMT",
            ["log_timezone"] = "GMT",
            // Message content would get into the log with the statement, or the row, of a failure.
            ["log_min_error_statement"] = "panic",
            ["log_error_verbosity"] = "terse",
        };
        foreach (var (name, value) in options.ServerSettings)
            settings[name] = value;
        return settings;
    }

    private static async Task<string> PrepareLogAsync(string folder, ServerAccount account, CancellationToken cancellationToken)
    {
        const long LargeLog = 16 << 20;
        var log = Path.Combine(folder, "postgres.log");
        if (File.Exists(log) && new FileInfo(log).Length > LargeLog)
            File.Move(log, log + ".old", overwrite: true);
        await File.AppendAllTextAsync(log, "", cancellationToken);
        await account.OwnAsync(log, cancellationToken);
        return log;
    }

    /// <summary>
    /// A free port below those that systems lend to connecting programs: from there, a client that keeps trying while the server
    /// is away could be lent the server's own port, and keep it.
    /// </summary>
    private static int FreePort()
    {
        for (var attempt = 1; ; attempt++)
        {
            var port = RandomNumberGenerator.GetInt32(20_000, 32_000);
            try
            {
                using var listener = new TcpListener(IPAddress.Loopback, port);
                listener.Start();
                return port;
            }
            catch (SocketException) when (attempt < 100)
            {
                // Taken, or reserved by the system.
            }
        }
    }
}
