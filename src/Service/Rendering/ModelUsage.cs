namespace Orchestrator.Service.Rendering;

/// <summary>What one call took.</summary>
/// <param name="Model">The id of the model that answered; of the one that was asked where there was no answer.</param>
/// <param name="LatencyMs">From the request to the whole answer, or to the fault, in milliseconds.</param>
/// <param name="Tokens">What is charged for; null: no answer told, as after a time-out.</param>
public sealed record ModelUsage(string Model, long LatencyMs, TokenCount? Tokens);

/// <summary>Tokens by what they cost. None is counted twice.</summary>
/// <param name="Input">Read, outside the cache.</param>
/// <param name="Output">Written, the model's thinking included.</param>
/// <param name="CacheRead">Read from the cache.</param>
/// <param name="CacheWrite">Read and put into the cache.</param>
public sealed record TokenCount(long Input, long Output, long CacheRead, long CacheWrite);
