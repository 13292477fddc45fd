using System.Text.Json;
using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.Scheduling;

/// <summary>Reads the body of a scheduling request and checks all that can be checked without a clock or a database.</summary>
internal static class ScheduleRequestReader
{
    private const int LongestId = 255;

    /// <summary>As wide as the column of an adopted database.</summary>
    private const int LongestAgentId = 100;

    /// <summary>Times outside of these centuries are slips of the pen, and no calendar arithmetic comes near its limits.</summary>
    private static readonly Instant Earliest = Instant.FromUtc(2000, 1, 1, 0, 0);

    private static readonly Instant Latest = Instant.FromUtc(2200, 1, 1, 0, 0);

    /// <summary>The request; or the faults by field, and then the request is null.</summary>
    public static (ScheduleRequest? Request, IReadOnlyDictionary<string, string[]> Faults) Read(JsonElement body)
    {
        var fields = new JsonFields(body);
        var userId = fields.Text("userId", LongestId, required: true);
        var agentId = fields.Text("agentId", LongestAgentId, required: true);
        var messageData = fields.Object("messageData", required: true);
        var lane = fields.Text("priority", LongestId);
        var canDelay = fields.Flag("canDelay");
        var requiresFreshContext = fields.Flag("requiresFreshContext");
        var conversationId = fields.Text("conversationId", LongestId);
        var scheduledFor = Time(fields, "scheduledFor");
        var expiresAt = Time(fields, "expiresAt");

        if (lane is not null && Lanes.Parse(lane) is null)
            fields.Fault("priority", $"must be one of {string.Join(", ", Lanes.Names)}");
        if (expiresAt <= scheduledFor)
            fields.Fault("expiresAt", "must be after scheduledFor");
        if (messageData is { } data && data.TryGetProperty("content", out var content)
            && content.ValueKind == JsonValueKind.String && string.IsNullOrWhiteSpace(content.GetString()))
        {
            fields.Fault("messageData.content", "must not be empty");
        }

        // Taking them and doing nothing with them would be a lie.
        foreach (var later in (ReadOnlySpan<string>)["topic", "sequence", "messages"])
        {
            if (fields.Any(later) is not null)
                fields.Fault(later, "is not supported by this version");
        }

        var faults = fields.Faults();
        if (faults.Count > 0)
            return (null, faults);

        return (new ScheduleRequest
        {
            UserId = userId!,
            AgentId = agentId!,
            MessageData = JsonSerializer.Serialize(messageData!.Value),
            HasContent = messageData.Value.TryGetProperty("content", out var text) && text.ValueKind == JsonValueKind.String,
            Lane = Lanes.Parse(lane) ?? Lane.Medium,
            CanDelay = canDelay ?? true,
            RequiresFreshContext = requiresFreshContext ?? false,
            ConversationId = conversationId,
            ScheduledFor = scheduledFor,
            ExpiresAt = expiresAt,
        }, faults);
    }

    private static Instant? Time(JsonFields fields, string name)
    {
        var time = fields.Time(name);
        if (time < Earliest || time > Latest)
            fields.Fault(name, "must lie between the years 2000 and 2200");
        return time;
    }
}
