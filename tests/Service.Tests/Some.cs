using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

/// <summary>Plain values to start from.</summary>
internal static class Some
{
    public static ScheduleRequest Request(string userId) => new()
    {
        UserId = userId,
        AgentId = "concierge_agent_456",
        MessageData = """{"content":"Your intro request has been matched!"}""",
        HasContent = true,
    };
}
