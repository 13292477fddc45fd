using Dapper;
using Npgsql;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench.Measuring;

/// <summary>Counts what work makes a server write that does nothing else.</summary>
internal static class WriteCount
{
    /// <summary>Runs the work on a fresh database.</summary>
    /// <param name="connectionString">The database.</param>
    /// <param name="work">The work, which closes its connections.</param>
    public static async Task<Writes> MeasureAsync(string connectionString, Func<Task> work)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false });
        await using var connection = await source.OpenConnectionAsync();
        var readsWal = await CanReadWalAsync(connection);
        var start = await PlaceAsync(connection);
        using var commands = new CommandCount();
        await work();
        var sent = commands.Commands;
        var end = await PlaceAsync(connection);
        await AwaitOthersEndAsync(connection);

        var writes = await connection.QuerySingleAsync<Writes>(Script.Read("CountWrites"));
        var wal = readsWal ? await connection.QuerySingleAsync<WalRow>(Script.Read("CountWal"), new { start, end }, commandTimeout: 600) : null;
        return writes with
        {
            Commands = sent,
            Wal = await connection.ExecuteScalarAsync<long>("SELECT pg_wal_lsn_diff(@end::pg_lsn, @start::pg_lsn)::bigint", new { start, end }),
            PageImages = wal?.PageImages,
            IndexEntries = wal?.IndexEntries,
        };
    }

    private static Task<string?> PlaceAsync(NpgsqlConnection connection) => connection.ExecuteScalarAsync<string>("SELECT pg_current_wal_flush_lsn()::text");

    /// <summary>Sessions tell what they have written when they end, and end some time after they have been told to.</summary>
    private static async Task AwaitOthersEndAsync(NpgsqlConnection connection)
    {
        const string others = "SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        while (await connection.ExecuteScalarAsync<int>(others) > 0)
            await Task.Delay(10);
    }

    /// <summary>It takes an extension that comes with PostgreSQL 15 and later, in most packages.</summary>
    private static async Task<bool> CanReadWalAsync(NpgsqlConnection connection)
    {
        try
        {
            await connection.ExecuteAsync("CREATE EXTENSION IF NOT EXISTS pg_walinspect");
            return true;
        }
        catch (PostgresException)
        {
            return false;
        }
    }

    private sealed record WalRow(long IndexEntries, long PageImages)
    {
        private WalRow()
            : this(0, 0)
        {
        }
    }
}
