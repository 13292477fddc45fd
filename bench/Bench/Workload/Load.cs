using NodaTime;

namespace Orchestrator.Bench.Workload;

/// <summary>What a database holds before a run.</summary>
/// <param name="Users">How many users there are.</param>
/// <param name="AreDue">Whether each of them has one message due.</param>
/// <param name="Waiting">How many messages wait for a later time.</param>
/// <param name="Heavy">How many messages of one more user are due before all others; 0: no such user.</param>
/// <param name="Finished">How many messages were delivered on the days before.</param>
/// <param name="At">The time that counts as now; null: <see cref="Noon.Start"/>.</param>
internal sealed record Load(int Users, bool AreDue = true, int Waiting = 0, int Heavy = 0, int Finished = 0, Instant? At = null);
