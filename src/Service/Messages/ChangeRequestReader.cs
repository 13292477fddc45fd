using System.Text.Json;
using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Http;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Messages;

/// <summary>Reads the body of a change and checks all that can be checked without a clock or a database.</summary>
internal static class ChangeRequestReader
{
    private static readonly string[] Names = ["scheduledFor", "priority", "messageData", "expiresAt", "canDelay", "requiresFreshContext"];

    /// <summary>The request; or the faults by field, and then the request is null.</summary>
    public static (ChangeRequest? Request, IReadOnlyDictionary<string, string[]> Faults) Read(JsonElement body)
    {
        var fields = new JsonFields(body);
        var clearsScheduledFor = fields.IsCleared("scheduledFor");
        var clearsExpiresAt = fields.IsCleared("expiresAt");
        var scheduledFor = ScheduleRequestReader.Time(fields, "scheduledFor");
        var expiresAt = ScheduleRequestReader.Time(fields, "expiresAt");
        var lane = fields.Text("priority", longest: 255);
        var messageData = fields.Object("messageData");
        var canDelay = fields.Flag("canDelay");
        var requiresFreshContext = fields.Flag("requiresFreshContext");

        if (lane is not null && Lanes.Parse(lane) is null)
            fields.Fault("priority", $"must be one of {string.Join(", ", Lanes.Names)}");
        if (expiresAt <= scheduledFor)
            fields.Fault("expiresAt", "must be after scheduledFor");
        if (messageData is { } data)
            ScheduleRequestReader.CheckContent(fields, "messageData", data);

        var given = new[]
        {
            clearsScheduledFor || scheduledFor is not null, lane is not null, messageData is not null, clearsExpiresAt || expiresAt is not null,
            canDelay is not null, requiresFreshContext is not null,
        };
        var faults = fields.Faults();
        if (faults.Count == 0 && !given.Contains(value: true))
        {
            fields.Fault("$", $"must change at least one of {string.Join(", ", Names)}");
            faults = fields.Faults();
        }

        return faults.Count > 0 ? (null, faults) : (new ChangeRequest
        {
            Fields = [.. Names.Where((_, index) => given[index])],
            ScheduledFor = clearsScheduledFor || scheduledFor is not null ? new Given<Instant?>(scheduledFor) : null,
            ExpiresAt = clearsExpiresAt || expiresAt is not null ? new Given<Instant?>(expiresAt) : null,
            Lane = Lanes.Parse(lane),
            CanDelay = canDelay,
            RequiresFreshContext = requiresFreshContext,
            MessageData = messageData is null ? null : JsonSerializer.Serialize(messageData),
            HasContent = messageData is { } content && content.TryGetProperty("content", out var text) && text.ValueKind == JsonValueKind.String,
        }, faults);
    }
}
