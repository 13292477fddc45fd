using NodaTime;
using Orchestrator.Core;

namespace Orchestrator.Service.Dispatch;

/// <summary>A claimed message and what is to become of it.</summary>
/// <param name="Message">The message.</param>
/// <param name="Decision">The decision.</param>
/// <param name="Date">The user's local day, on which a delivery counts.</param>
internal sealed record Decided(ClaimedMessage Message, Decision Decision, LocalDate Date);
