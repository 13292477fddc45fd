using Dapper;
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
            await Run("AddWaitingMessages", new { load.Users, load.Waiting, noon });
        if (load.Heavy > 0)
            await Run("AddHeavyUser", new { messages = load.Heavy, noon });
        if (load.Finished > 0)
            await Run("AddFinishedMessages", new { load.Users, load.Finished, noon });

        Task Run(string script, object parameters) => connection.ExecuteAsync(Script.Read(script), parameters, commandTimeout: 3600);
    }
}
