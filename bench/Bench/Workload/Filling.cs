using Dapper;
using Npgsql;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Bench.Workload;

/// <summary>Gives an empty database the service's tables and a load.</summary>
internal static class Filling
{
    public static async Task FillAsync(string connectionString, Load load)
    {
        await using (var source = Database.Connect(connectionString))
            await new Migrator(source).MigrateAsync(CancellationToken.None);

        // Another data source, because the first one has not seen the types of the migrations.
        await using var filling = Database.Connect(connectionString);
        await using var connection = await filling.OpenConnectionAsync();
        var noon = load.At ?? Noon.Start;
        await Run("AddUsers", new { load.Users, noon });
        if (load.AreDue)
            await Run("AddDueMessages", new { load.Users, noon });
        if (load.Waiting > 0)
            await WithoutIndexesAsync(connection, () => Run("AddWaitingMessages", new { load.Users, load.Waiting, noon }));
        if (load.Heavy > 0)
            await Run("AddHeavyUser", new { messages = load.Heavy, noon });
        if (load.Finished > 0)
            await Run("AddFinishedMessages", new { load.Users, load.Finished, noon });

        Task Run(string script, object parameters) => connection.ExecuteAsync(Script.Read(script), parameters, commandTimeout: 3600);
    }

    /// <summary>Indexes are made in one go once the rows are there: ten million rows are there in minutes, not in a quarter of an hour.</summary>
    private static async Task WithoutIndexesAsync(NpgsqlConnection connection, Func<Task> fill)
    {
        var indexes = (await connection.QueryAsync<(string Name, string Definition)>(Script.Read("ListIndexes"))).AsList();
        foreach (var (name, _) in indexes)
            await connection.ExecuteAsync($"DROP INDEX {name}");
        await fill();
        foreach (var (_, definition) in indexes)
            await connection.ExecuteAsync(definition, commandTimeout: 3600);
    }
}
