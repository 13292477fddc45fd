namespace Orchestrator.Fakes;

/// <summary>A request that has reached <see cref="FakeTwilio"/>.</summary>
/// <param name="Method">The HTTP method.</param>
/// <param name="Path">The path and the query.</param>
/// <param name="Authorization">The header; null: none.</param>
/// <param name="Fields">The form's fields; empty for a GET.</param>
public sealed record FakeRequest(string Method, string Path, string? Authorization, IReadOnlyDictionary<string, string> Fields)
{
    /// <summary>A field of the form; null: it is not there.</summary>
    public string? Field(string name) => Fields.GetValueOrDefault(name);
}
