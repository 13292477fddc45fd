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
        var several = fields.Any("messages") is { } list ? ReadMessages(fields, list) : null;
        var messageData = several is null ? fields.Object("messageData", required: true) : null;
        var lane = fields.Text("priority", LongestId);
        var canDelay = fields.Flag("canDelay");
        var requiresFreshContext = fields.Flag("requiresFreshContext");
        var conversationId = fields.Text("conversationId", LongestId);
        var scheduledFor = Time(fields, "scheduledFor");
        var expiresAt = Time(fields, "expiresAt");
        var topic = fields.Text("topic", LongestId);
        var sequence = fields.Object("sequence") is { } place ? ReadPlace(fields, place) : null;

        if (lane is not null && Lanes.Parse(lane) is null)
            fields.Fault("priority", $"must be one of {string.Join(", ", Lanes.Names)}");
        if (expiresAt <= scheduledFor)
            fields.Fault("expiresAt", "must be after scheduledFor");
        if (messageData is { } data)
            CheckContent(fields, "messageData", data);
        if (several is not null && fields.Any("messageData") is not null)
            fields.Fault("messageData", "must not stand beside messages, each of which has its own");
        if (several is not null && sequence is not null)
            fields.Fault("sequence", "must not stand beside messages, which are a sequence by themselves");

        var faults = fields.Faults();
        if (faults.Count > 0)
            return (null, faults);

        var messages = several ?? [messageData!.Value];
        return (new ScheduleRequest
        {
            UserId = userId!,
            AgentId = agentId!,
            MessageData = JsonSerializer.Serialize(messages[0]),
            Following = several is null ? null : [.. messages.Skip(1).Select(m => JsonSerializer.Serialize(m))],
            HasContent = messages.All(m => m.TryGetProperty("content", out var text) && text.ValueKind == JsonValueKind.String),
            Lane = Lanes.Parse(lane) ?? Lane.Medium,
            CanDelay = canDelay ?? true,
            RequiresFreshContext = requiresFreshContext ?? false,
            ConversationId = conversationId,
            ScheduledFor = scheduledFor,
            ExpiresAt = expiresAt,
            Topic = topic,
            Sequence = sequence,
        }, faults);
    }

    /// <summary>The <c>messageData</c> of each of several messages; not null, and the faults are told, where one is wrong.</summary>
    private static List<JsonElement> ReadMessages(JsonFields fields, JsonElement list)
    {
        var read = new List<JsonElement>();
        if (list.ValueKind != JsonValueKind.Array || list.GetArrayLength() is < 1 or > Sequence.Longest)
        {
            fields.Fault("messages", $"must be a list of 1 to {Sequence.Longest} messages");
            return read;
        }

        foreach (var (index, element) in list.EnumerateArray().Index())
        {
            var name = $"messages[{index}]";
            if (element.ValueKind != JsonValueKind.Object)
            {
                fields.Fault(name, "must be an object");
                continue;
            }

            var message = new JsonFields(element);
            if (message.Object("messageData", required: true) is { } data)
            {
                CheckContent(message, "messageData", data);
                read.Add(data);
            }

            fields.Adopt(name, message);
        }

        return read;
    }

    /// <summary>The place in a sequence; null where it is wrong.</summary>
    private static SequencePlace? ReadPlace(JsonFields fields, JsonElement value)
    {
        var place = new JsonFields(value);
        var id = place.Text("id", LongestId, required: true);
        var position = place.Number("position", 1, Sequence.Longest, required: true);
        var total = place.Number("total", 1, Sequence.Longest, required: true);
        if (position > total)
            place.Fault("position", "must not be greater than total");
        fields.Adopt("sequence", place);
        return id is null || position is null || total is null ? null : new SequencePlace(id, position.Value, total.Value);
    }

    /// <summary>Faults a text that says nothing.</summary>
    internal static void CheckContent(JsonFields fields, string name, JsonElement data)
    {
        if (data.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String)
        {
            if (string.IsNullOrWhiteSpace(content.GetString()))
                fields.Fault($"{name}.content", "must not be empty");
        }
        else if (data.EnumerateObject().All(field => field.NameEquals("content")))
        {
            fields.Fault(name, "must hold a content string, or data that a text can be written from");
        }
    }

    /// <summary>An instant of these centuries; null where it is absent or wrong.</summary>
    internal static Instant? Time(JsonFields fields, string name)
    {
        var time = fields.Time(name);
        if (time < Earliest || time > Latest)
            fields.Fault(name, "must lie between the years 2000 and 2200");
        return time;
    }
}
