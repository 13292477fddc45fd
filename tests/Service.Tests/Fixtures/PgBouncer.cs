using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Npgsql;

namespace Orchestrator.Service.Tests;

/// <summary>
/// A real PgBouncer in transaction mode before a database: a client keeps a server connection for one transaction only, and gets
/// another for the next.
/// </summary>
public sealed class PgBouncer : IAsyncDisposable
{
    /// <summary>How many server connections all clients share.</summary>
    public const int PoolSize = 5;

    private const string HowToInstall = "PgBouncer is not installed: on Debian and Ubuntu, apt-get install pgbouncer";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly Process _process;
    private readonly string _folder;

    private PgBouncer(Process process, string folder, string connectionString)
    {
        _process = process;
        _folder = folder;
        ConnectionString = connectionString;
    }

    /// <summary>The same database, through the pooler.</summary>
    public string ConnectionString { get; }

    /// <summary>Starts one before the database. Where it is not installed the test is skipped, or fails where <c>CI=true</c>.</summary>
    public static async Task<PgBouncer> StartAsync(string connectionString)
    {
        if (Find() is not { } binary)
        {
            Assert.SkipUnless(Environment.GetEnvironmentVariable("CI") == "true", HowToInstall);
            throw new InvalidOperationException(HowToInstall);
        }

        var database = new NpgsqlConnectionStringBuilder(connectionString);
        var port = FreePort();
        var folder = Directory.CreateTempSubdirectory("pgbouncer-").FullName;
        var configuration = Path.Combine(folder, "pgbouncer.ini");
        await File.WriteAllTextAsync(configuration, Configuration(database, port), TestContext.Current.CancellationToken);

        var start = new ProcessStartInfo(binary) { RedirectStandardError = true, UseShellExecute = false };
        // It refuses to run as root, and steps down by itself when told whom to.
        if (Environment.IsPrivilegedProcess)
            start.ArgumentList.Add("--user=nobody");
        start.ArgumentList.Add(configuration);
        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        var pooler = new PgBouncer(process, folder, new NpgsqlConnectionStringBuilder(connectionString)
        {
            Host = "127.0.0.1",
            Port = port,
            SslMode = SslMode.Disable,
        }.ConnectionString);

        var log = new StringBuilder();
        var up = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        process.ErrorDataReceived += (_, line) =>
        {
            log.AppendLine(line.Data);
            if (line.Data?.Contains("process up", StringComparison.Ordinal) == true)
                up.TrySetResult();
            // The end of the output: the process is gone.
            if (line.Data is null)
                up.TrySetException(new InvalidOperationException($"PgBouncer ended:\n{log}"));
        };
        process.Start();
        process.BeginErrorReadLine();
        try
        {
            await up.Task.WaitAsync(Patience, TestContext.Current.CancellationToken);
        }
        catch
        {
            await pooler.DisposeAsync();
            throw;
        }

        return pooler;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync(CancellationToken.None);
        _process.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    // Round robin takes the server connections in turn, so that whatever is left on one of them is missed at the next statement.
    private static string Configuration(NpgsqlConnectionStringBuilder database, int port)
    {
        // It takes an empty one for a slip of the pen.
        var password = string.IsNullOrEmpty(database.Password) ? "" : $" password={Quote(database.Password)}";
        return string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            {database.Database} = host={Quote(database.Host!)} port={database.Port} user={Quote(database.Username!)}{password}

            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = {PoolSize}
            min_pool_size = {PoolSize}
            server_round_robin = 1
            max_client_conn = 500

            """);
    }

    private static string Quote(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>The binary: Debian puts it where an ordinary user's PATH does not look.</summary>
    private static string? Find() =>
        (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Concat(["/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin"])
            .Where(folder => folder.Length > 0)
            .Select(folder => Path.Combine(folder, "pgbouncer"))
            .FirstOrDefault(File.Exists);

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
