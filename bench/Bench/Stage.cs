using Orchestrator.Bench.Peers;
using Orchestrator.Bench.Workload;

namespace Orchestrator.Bench;

/// <summary>What a part works with.</summary>
/// <param name="Server">The PostgreSQL that all share.</param>
/// <param name="Peers">The queues that stand beside.</param>
/// <param name="Options">What was asked for.</param>
internal sealed record Stage(Server Server, PeerDrivers Peers, Options Options);
