namespace Orchestrator.Bench.Peers;

/// <summary>Another queue on PostgreSQL.</summary>
/// <param name="Name">Its package, and the name of its driver.</param>
/// <param name="Version">Its version.</param>
internal sealed record Peer(string Name, string Version)
{
    public string Driver => $"{Name}.mjs";
}
