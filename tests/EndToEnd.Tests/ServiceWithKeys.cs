namespace Orchestrator.EndToEnd.Tests;

/// <summary>A service that wants a key.</summary>
public sealed class ServiceWithKeys(PostgresServer server) : RunningService(server)
{
    /// <summary>Two keys of the concierge, one of the office, and one that has no name.</summary>
    public const string Keys = "concierge:old-key, concierge:new-key, office:office-key, plain";

    protected override IEnumerable<(string Name, string Value)> HostSettings => [("ORCHESTRATOR_API_KEYS", Keys)];
}
