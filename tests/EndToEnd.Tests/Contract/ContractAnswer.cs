namespace Orchestrator.EndToEnd.Tests.Contract;

/// <summary>An answer, as far as the contract speaks of it.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="ContentType">The media type; null: none.</param>
/// <param name="Headers">The names of its headers.</param>
/// <param name="Body">The body, empty where there is none.</param>
internal sealed record ContractAnswer(int Status, string? ContentType, IReadOnlyList<string> Headers, string Body);
