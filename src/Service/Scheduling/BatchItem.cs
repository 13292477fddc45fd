using Orchestrator.Service.Http;

namespace Orchestrator.Service.Scheduling;

/// <summary>One message of a batch, as it was asked for.</summary>
/// <param name="Request">The checked request; null where it is not valid.</param>
/// <param name="Key">Its idempotency key; null: none.</param>
/// <param name="Fault">Why it is not valid; null where it is.</param>
public sealed record BatchItem(ScheduleRequest? Request, string? Key = null, Problem? Fault = null)
{
    /// <summary>The same as it came with a key of that name, and in that trace; null: one without a name, or none.</summary>
    public BatchItem By(string? name, string? traceparent) =>
        Request is null || (name ?? traceparent) is null ? this : this with { Request = Request with { ScheduledBy = name, Traceparent = traceparent } };
}
