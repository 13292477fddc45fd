using NodaTime;

namespace Orchestrator.Core;

/// <summary>
/// A span that has no room for any more deliveries. None comes back, so the slots of thousands of messages of one time need not be looked for
/// from its beginning again, one after the other.
/// </summary>
internal struct FullSpan
{
    private Instant _from;
    private Instant _until;

    /// <summary>Where to begin a search: behind the span, for what begins in it.</summary>
    public readonly Instant Skip(Instant from) => Holds(from) ? _until : from;

    /// <summary>Takes note of the first instant with room at or after another.</summary>
    public void Learn(Instant from, Instant first) => (_from, _until) = (Holds(from) ? _from : from, first);

    private readonly bool Holds(Instant at) => _from <= at && at <= _until;
}
