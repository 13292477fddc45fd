using System.Net;
using System.Net.Sockets;
using Npgsql;

namespace Orchestrator.Embedded.Postgres;

/// <summary>A private PostgreSQL on a folder of its own, reachable from this machine only; dispose it to stop it.</summary>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    /// <summary>Longest wait for open transactions and the last checkpoint, in seconds; after that it is stopped at once, and recovers later.</summary>
    private const int StopPatience = 4;

    private readonly Postmaster _postmaster;
    private readonly IReadOnlyDictionary<string, string> _settings;
    private readonly int _port;
    private readonly IDisposable _lock;
    private readonly ILogger _logger;

    private EmbeddedPostgres(
        Postmaster postmaster, IReadOnlyDictionary<string, string> settings, int port, string password, IDisposable @lock, ILogger logger)
    {
        (_postmaster, _settings, _port, _lock, _logger) = (postmaster, settings, port, @lock, logger);
        ConnectionString = new NpgsqlConnectionStringBuilder
        {
            Host = "127.0.0.1",
            Port = port,
            Database = "postgres",
            Username = Cluster.User,
            Password = password,
            SslMode = SslMode.Disable,
            // Looking for Kerberos writes to standard error on machines without its library.
            GssEncryptionMode = GssEncryptionMode.Disable,
        }.ConnectionString;
    }

    /// <summary>How Npgsql connects, as the superuser, to the database <c>postgres</c>.</summary>
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
            var binaries = await new BinariesSearch(options with { DataFolder = folder }, account, logger)
                .FindAsync(cluster.Version, cancellationToken);
            if (cluster.Version is null)
            {
                Log.CreatingDatabase(logger, cluster.Folder);
                await cluster.CreateOnceAsync(binaries, account, cancellationToken);
            }

            var logFile = await PrepareLogAsync(folder, account, cancellationToken);
            var postmaster = new Postmaster(cluster, binaries, account, logFile);
            await StopOrphanAsync(postmaster, logger, cancellationToken);

            var settings = AllSettings(options);
            var port = await StartServerAsync(postmaster, settings, port: null, cancellationToken);
            Log.PostgresReady(logger, binaries.Version, port, cluster.Folder);
            return new EmbeddedPostgres(postmaster, settings, port, cluster.Password, @lock, logger);
        }
        catch
        {
            @lock.Dispose();
            throw;
        }
    }

    /// <summary>Kills the server as the kernel might: for tests of what survives it.</summary>
    public Task KillAsync(CancellationToken cancellationToken) => _postmaster.KillAsync(cancellationToken);

    /// <summary>Starts the server again after <see cref="KillAsync"/>, on the same port.</summary>
    /// <exception cref="EmbeddedPostgresException">It does not start.</exception>
    public Task StartAgainAsync(CancellationToken cancellationToken) => StartServerAsync(_postmaster, _settings, _port, cancellationToken);

    /// <summary>Stops the server without notice, cutting every connection, and starts it again on the same port.</summary>
    /// <exception cref="EmbeddedPostgresException">It does not start.</exception>
    public async Task RestartImmediatelyAsync(CancellationToken cancellationToken)
    {
        if (await _postmaster.RestartAsync("immediate", cancellationToken) is { } fault)
            throw NotStarted(fault);
    }

    /// <summary>Stops the server, within seconds whatever it does.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!await _postmaster.StopAsync("fast", StopPatience))
        {
            Log.StoppedAtOnce(_logger);
            await _postmaster.StopAsync("immediate", seconds: 1);
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

    private static async Task<int> StartServerAsync(
        Postmaster postmaster, IReadOnlyDictionary<string, string> settings, int? port, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            var chosen = port ?? FreePort();
            string? fault;
            try
            {
                fault = await postmaster.StartAsync(chosen, settings, cancellationToken);
            }
            catch (OperationCanceledException)
            {
                await postmaster.StopAsync("immediate", seconds: 1);
                throw;
            }

            if (fault is null)
                return chosen;
            // A port may be taken between being found and being used. Children of a server that was killed take a moment to
            // notice, and until then hold its shared memory.
            if (attempt == 20 || !(fault.Contains("could not bind", StringComparison.Ordinal) || fault.Contains("shared memory block", StringComparison.Ordinal)))
                throw NotStarted(fault);
            await Task.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
        }
    }

    private static EmbeddedPostgresException NotStarted(string log)
    {
        var lines = log.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var telling = lines.LastOrDefault(line => line.Contains("FATAL", StringComparison.Ordinal)) ?? lines.LastOrDefault();
        return new EmbeddedPostgresException($"PostgreSQL does not start: {telling}");
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

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
