using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>
/// Whether the server keeps the plans of statements between requests: planning the statements of a small request costs more than running
/// them. Behind a pooler that hands each transaction to another server session it must not: there the plan would be somebody else's.
/// </summary>
/// <param name="ConnectionString">The connection string to use.</param>
/// <param name="IsOn">Whether statements are prepared.</param>
/// <param name="Reason">Why, or why not, in a few words for the log.</param>
public sealed record StatementPreparation(string ConnectionString, bool IsOn, string Reason)
{
    /// <summary>A pooler's session numbers are its own; that all of several agree with the server's by chance is not to be expected.</summary>
    private const int Looks = 3;

    /// <summary>Decides, by the setting or else by a look at the database.</summary>
    /// <param name="connectionString">The connection string; where it says itself how many statements are prepared, that holds.</param>
    /// <param name="configured">The setting; null: to be found out.</param>
    public static StatementPreparation Decide(string connectionString, bool? configured)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        if (builder.MaxAutoPrepare > 0)
            return new(connectionString, true, "the connection string says so");
        if (configured is false)
            return new(connectionString, false, "configured");
        if (configured is null && WhyNot(builder.ConnectionString) is { } reason)
            return new(connectionString, false, reason);

        builder.MaxAutoPrepare = 100;
        builder.AutoPrepareMinUsages = 2;
        return new(builder.ConnectionString, true, configured is true ? "configured" : "a direct connection");
    }

    /// <summary>Null where the sessions are the server's own.</summary>
    private static string? WhyNot(string connectionString)
    {
        try
        {
            for (var look = 0; look < Looks; look++)
            {
                using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
                connection.Open();
                using var command = new NpgsqlCommand("SELECT pg_backend_pid()", connection);
                if (command.ExecuteScalar() is not int session || session != connection.ProcessID)
                    return "a pooler stands between";
            }

            return null;
        }
        catch (Exception e) when (e is NpgsqlException or TimeoutException or System.Net.Sockets.SocketException)
        {
            return "the database could not be asked at the start";
        }
    }
}
