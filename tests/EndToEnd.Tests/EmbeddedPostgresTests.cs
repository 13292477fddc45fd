using System.Diagnostics;
using System.Globalization;
using Dapper;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Orchestrator.Embedded.Postgres;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>The embedded server comes up on whatever an earlier run, however it ended, has left of its folder.</summary>
public sealed class EmbeddedPostgresTests(TemporaryFolder folder) : IClassFixture<TemporaryFolder>
{
    private string Cluster => Path.Combine(folder.Path, "postgres");

    private string PidFile => Path.Combine(Cluster, "postmaster.pid");

    [Fact]
    public async Task A_server_that_was_stopped_starts_again_with_its_data()
    {
        int number;
        await using (var first = await StartAsync())
            number = await AddAsync(first);
        File.Exists(PidFile).ShouldBeFalse();

        await using var second = await StartAsync();

        (await LastAsync(second)).ShouldBe(number);
    }

    [Fact]
    public async Task An_immediate_restart_cuts_connections_and_keeps_port_and_data()
    {
        await using var server = await StartAsync();
        await using var connection = new NpgsqlConnection(Unpooled(server));
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        var number = await AddAsync(server);

        await server.RestartImmediatelyAsync(TestContext.Current.CancellationToken);

        await Should.ThrowAsync<NpgsqlException>(() => connection.ExecuteAsync("SELECT 1"));
        (await LastAsync(server)).ShouldBe(number);
    }

    [Fact]
    public async Task A_killed_server_answers_nobody_and_starts_again_on_the_same_port_with_its_data()
    {
        await using var server = await StartAsync();
        var number = await AddAsync(server);

        await server.KillAsync(TestContext.Current.CancellationToken);

        await Should.ThrowAsync<NpgsqlException>(() => LastAsync(server));
        await server.StartAgainAsync(TestContext.Current.CancellationToken);
        (await LastAsync(server)).ShouldBe(number);
    }

    [Fact]
    public async Task A_server_left_running_is_replaced_by_one_with_the_same_data()
    {
        await using var left = await StartAsync();
        var number = await AddAsync(left);
        var orphan = ServerProcess();
        // The death of its owner has no other effect than that the lock goes.
        File.Delete(Path.Combine(folder.Path, "postgres.lock"));

        await using var server = await StartAsync();

        ServerProcess().ShouldNotBe(orphan);
        (await LastAsync(server)).ShouldBe(number);
        await Should.ThrowAsync<NpgsqlException>(() => LastAsync(left));
    }

    [Fact]
    public async Task A_pid_file_that_names_another_process_hinders_no_start_and_that_process_is_left_alone()
    {
        int number;
        await using (var first = await StartAsync())
        {
            number = await AddAsync(first);
            await first.KillAsync(TestContext.Current.CancellationToken);
        }

        using var other = await StartSleepAsOwnerOfClusterAsync();
        var lines = await File.ReadAllLinesAsync(PidFile, TestContext.Current.CancellationToken);
        await File.WriteAllLinesAsync(PidFile, [other.Id.ToString(CultureInfo.InvariantCulture), .. lines[1..]], TestContext.Current.CancellationToken);

        try
        {
            await using var server = await StartAsync();

            (await LastAsync(server)).ShouldBe(number);
            other.HasExited.ShouldBeFalse();
        }
        finally
        {
            other.Kill();
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("no number")]
    public async Task A_pid_file_that_names_nobody_hinders_no_start(string content)
    {
        int number;
        await using (var first = await StartAsync())
        {
            number = await AddAsync(first);
            await first.KillAsync(TestContext.Current.CancellationToken);
        }

        await File.WriteAllTextAsync(PidFile, content, TestContext.Current.CancellationToken);

        await using var server = await StartAsync();

        (await LastAsync(server)).ShouldBe(number);
    }

    [Fact]
    public async Task What_a_killed_initdb_has_left_is_not_taken_for_a_database_and_goes()
    {
        await using (await StartAsync())
        {
        }

        using var other = new TemporaryFolder();
        var attempt = Directory.CreateDirectory(Path.Combine(other.Path, "postgres.part-abcdefgh.ijk"));
        await File.WriteAllTextAsync(Path.Combine(attempt.FullName, "PG_VERSION"), "15\n", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(attempt.FullName + ".password", "secret", TestContext.Current.CancellationToken);

        await using var server = await StartAsync(other.Path);

        await AddAsync(server);
        Directory.GetFileSystemEntries(other.Path, "*.part-*").ShouldBeEmpty();
    }

    [Fact]
    public async Task A_folder_serves_one_owner_at_a_time()
    {
        await using var first = await StartAsync();
        var process = ServerProcess();

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(() => StartAsync());

        refused.Message.ShouldContain(folder.Path);
        refused.Message.ShouldNotContain('\n');
        ServerProcess().ShouldBe(process);
        await AddAsync(first);
    }

    [Fact]
    public async Task Disposed_twice_it_leaves_the_next_owner_s_server_alone()
    {
        var first = await StartAsync();
        await first.DisposeAsync();
        await using var second = await StartAsync();

        await first.DisposeAsync();

        await AddAsync(second);
    }

    [Fact]
    public async Task A_database_of_another_version_is_left_as_it_is_and_the_message_names_the_version()
    {
        using var other = new TemporaryFolder();
        var cluster = Directory.CreateDirectory(Path.Combine(other.Path, "postgres"));
        await File.WriteAllTextAsync(Path.Combine(cluster.FullName, "PG_VERSION"), "14\n", TestContext.Current.CancellationToken);
        var options = new EmbeddedPostgresOptions { DataFolder = other.Path, BinariesFolder = "/usr/bin" };

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(() => StartAsync(options));

        refused.Message.ShouldContain("PostgreSQL 14");
        Directory.GetFileSystemEntries(cluster.FullName).Length.ShouldBe(1);
    }

    [Fact]
    public async Task A_folder_that_holds_something_else_is_not_touched()
    {
        using var other = new TemporaryFolder();
        var cluster = Directory.CreateDirectory(Path.Combine(other.Path, "postgres"));
        var treasure = Path.Combine(cluster.FullName, "treasure.txt");
        await File.WriteAllTextAsync(treasure, "mine", TestContext.Current.CancellationToken);

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(() => StartAsync(other.Path));

        refused.Message.ShouldContain(cluster.FullName);
        (await File.ReadAllTextAsync(treasure, TestContext.Current.CancellationToken)).ShouldBe("mine");
    }

    [Fact]
    public async Task Settings_reach_the_server_as_they_are_and_a_wrong_one_is_told_in_one_line()
    {
        const string Odd = """it's "odd" \ $HOME""";
        await using (var server = await StartAsync(Options(folder.Path, ("cluster_name", Odd))))
            (await SingleAsync<string>(server, "SHOW cluster_name")).ShouldBe(Odd);

        var refused = await Should.ThrowAsync<EmbeddedPostgresException>(() => StartAsync(Options(folder.Path, ("max_connections", "many"))));

        refused.Message.ShouldContain("\"max_connections\"");
        refused.Message.ShouldNotContain('\n');
        await using var again = await StartAsync();
    }

    [Fact]
    public async Task It_listens_on_this_machine_alone_and_wants_a_password_that_nobody_else_can_read()
    {
        await using var server = await StartAsync();

        (await SingleAsync<string>(server, "SHOW listen_addresses")).ShouldBe("127.0.0.1");
        (await SingleAsync<string>(server, "SHOW unix_socket_directories")).ShouldBe("");
        var wrong = new NpgsqlConnectionStringBuilder(Unpooled(server)) { Password = "guess" };
        await using var connection = new NpgsqlConnection(wrong.ConnectionString);
        (await Should.ThrowAsync<PostgresException>(() => connection.OpenAsync(TestContext.Current.CancellationToken)))
            .SqlState.ShouldBe(PostgresErrorCodes.InvalidPassword);
        if (!OperatingSystem.IsWindows())
        {
            const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
            (File.GetUnixFileMode(Path.Combine(Cluster, "orchestrator.password")) & Others).ShouldBe(UnixFileMode.None);
        }
    }

    private static EmbeddedPostgresOptions Options(string path, params IEnumerable<(string Name, string Value)> settings) => new()
    {
        DataFolder = path,
        // Processes are killed here, not machines.
        ServerSettings = settings.Append(("fsync", "off")).ToDictionary(setting => setting.Item1, setting => setting.Item2),
    };

    private Task<EmbeddedPostgres> StartAsync(string? path = null) => StartAsync(Options(path ?? folder.Path));

    private static Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options) =>
        EmbeddedPostgres.StartAsync(options, NullLogger.Instance, TestContext.Current.CancellationToken);

    private int ServerProcess() => int.Parse(File.ReadLines(PidFile).First(), CultureInfo.InvariantCulture);

    /// <summary>Stores the next number.</summary>
    /// <returns>The number, which no other test has stored.</returns>
    private static Task<int> AddAsync(EmbeddedPostgres server) => SingleAsync<int>(server,
        "CREATE TABLE IF NOT EXISTS numbers (n int GENERATED ALWAYS AS IDENTITY); INSERT INTO numbers DEFAULT VALUES RETURNING n");

    private static Task<int> LastAsync(EmbeddedPostgres server) => SingleAsync<int>(server, "SELECT max(n) FROM numbers");

    private static async Task<T> SingleAsync<T>(EmbeddedPostgres server, string sql)
    {
        await using var connection = new NpgsqlConnection(Unpooled(server));
        return await connection.QuerySingleAsync<T>(sql);
    }

    // A pool would hand out connections that the end of the server has broken.
    private static string Unpooled(EmbeddedPostgres server) =>
        new NpgsqlConnectionStringBuilder(server.ConnectionString) { Pooling = false }.ConnectionString;

    /// <summary>Some process of the user that PostgreSQL runs as: of others PostgreSQL itself knows that they are not its server.</summary>
    private async Task<Process> StartSleepAsOwnerOfClusterAsync()
    {
        if (!Environment.IsPrivilegedProcess)
            return Process.Start("sleep", ["600"]);

        using var ls = Process.Start(new ProcessStartInfo("ls", ["-nd", Cluster]) { RedirectStandardOutput = true, UseShellExecute = false })!;
        var listed = await ls.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken);
        var owner = listed.Split(' ', StringSplitOptions.RemoveEmptyEntries)[2];
        var process = Process.Start("setpriv", [$"--reuid={owner}", "--clear-groups", "--", "sleep", "600"]);
        // Until then it is root's.
        await Eventually.HoldsAsync(
            async () => (await File.ReadAllTextAsync($"/proc/{process.Id}/comm", TestContext.Current.CancellationToken)).Trim() == "sleep",
            "sleep runs");
        return process;
    }
}
