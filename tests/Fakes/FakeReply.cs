namespace Orchestrator.Fakes;

/// <summary>What the service answered to one of Twilio's calls.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="ContentType">The media type; null: none.</param>
/// <param name="Body">The body.</param>
public sealed record FakeReply(int Status, string? ContentType, string Body);
