using System.Reflection;

namespace Orchestrator.Service.Tests;

/// <summary>A database of the replaced service's shape (<c>adopted_shape.sql</c>), and who and what is in it.</summary>
internal static class AdoptedDatabase
{
    /// <summary>Yesterday's budget row, the newest, has a daily limit of 3 and an hourly one of 2.</summary>
    public const string Ann = "a0000000-0000-4000-8000-000000000001";

    /// <summary>Has got one message of today's five.</summary>
    public const string Bob = "b0000000-0000-4000-8000-000000000002";

    /// <summary>Has no time zone and no budget row.</summary>
    public const string Cyd = "c0000000-0000-4000-8000-000000000003";

    /// <summary>Has no conversation.</summary>
    public const string Dan = "d0000000-0000-4000-8000-000000000004";

    /// <summary>Quiet hours are off in the newest budget row, on in the one before.</summary>
    public const string Eve = "e0000000-0000-4000-8000-000000000005";

    public const string AnnsConversation = "a1000000-0000-4000-8000-000000000001";

    public const string BobsConversation = "b1000000-0000-4000-8000-000000000002";

    public const string EvesConversation = "e1000000-0000-4000-8000-000000000005";

    public static Guid AnnsQueued { get; } = new("0a000000-0000-4000-8000-000000000001");

    public static Guid BobsApproved { get; } = new("0b000000-0000-4000-8000-000000000002");

    public static Guid CydsLaneless { get; } = new("0c000000-0000-4000-8000-000000000003");

    public static Guid EvesForTomorrow { get; } = new("0e000000-0000-4000-8000-000000000005");

    /// <summary>As the replaced service has left it.</summary>
    public static async Task<TestDatabase> CreateAdoptableAsync(this PostgresServer server)
    {
        var database = await server.CreateEmptyAsync();
        await using var script = Assembly.GetExecutingAssembly().GetManifestResourceStream("adopted_shape.sql")!;
        using var reader = new StreamReader(script);
        await database.ExecuteAsync(await reader.ReadToEndAsync(TestContext.Current.CancellationToken));
        return database;
    }
}
