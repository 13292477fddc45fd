using Orchestrator.Service.Http;

namespace Orchestrator.Service.Scheduling;

/// <summary>What scheduling came to. The set is closed.</summary>
public abstract record ScheduleOutcome
{
    private ScheduleOutcome()
    {
    }

    /// <summary>The message is stored, or was by an earlier request with the same key.</summary>
    /// <param name="Json">The answer, as first given.</param>
    /// <param name="Replayed">Whether an earlier request got it first.</param>
    public sealed record Answered(string Json, bool Replayed) : ScheduleOutcome;

    /// <summary>Nothing is stored.</summary>
    /// <param name="Problem">Why.</param>
    public sealed record Refused(Problem Problem) : ScheduleOutcome;
}
