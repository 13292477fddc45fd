namespace Orchestrator.Service.Scheduling;

/// <summary>The place of a message in a sequence that comes in several requests.</summary>
/// <param name="Id">What the agent calls the sequence; it means that of this user and this agent alone.</param>
/// <param name="Position">From 1 to <paramref name="Total"/>.</param>
/// <param name="Total">How many messages the sequence has.</param>
public sealed record SequencePlace(string Id, int Position, int Total);
