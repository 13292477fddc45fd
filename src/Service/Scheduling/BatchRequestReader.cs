using System.Runtime.InteropServices;
using System.Text.Json;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.Scheduling;

/// <summary>Reads the body of <c>POST /schedule-messages</c>: what is wrong with one message is told of that one alone.</summary>
internal static class BatchRequestReader
{
    /// <summary>How many messages one request may bring.</summary>
    public const int Most = 1000;

    /// <summary>The messages in their order; or the faults of the request itself, and then there are none.</summary>
    /// <param name="body">The body.</param>
    /// <param name="isFaulty">Whether some of the messages may be no JSON as it is taken here.</param>
    public static (IReadOnlyList<BatchItem>? Items, IReadOnlyDictionary<string, string[]> Faults) Read(JsonElement body, bool isFaulty = false)
    {
        var fields = new JsonFields(body);
        var list = fields.Any("messages");
        if (list is not { ValueKind: JsonValueKind.Array } messages || messages.GetArrayLength() is < 1 or > Most)
            fields.Fault("messages", $"must be a list of 1 to {Most} messages");
        var faults = fields.Faults();
        return faults.Count > 0 ? (null, faults) : ([.. list!.Value.EnumerateArray().Select(item => ReadItem(item, isFaulty))], faults);
    }

    private static BatchItem ReadItem(JsonElement item, bool isFaulty)
    {
        if (item.ValueKind != JsonValueKind.Object)
            return new BatchItem(Request: null, Fault: Problem.InvalidRequest("$", "must be an object"));
        var json = JsonMarshal.GetRawUtf8Value(item);
        if (json.Length > JsonBody.MostBytes)
            return new BatchItem(Request: null, Fault: Problem.BodyTooLarge(JsonBody.MostBytes));
        if (isFaulty && JsonBody.WrongWith(json) is { } problem)
            return new BatchItem(Request: null, Fault: problem);

        var fields = new JsonFields(item);
        var key = fields.Text("idempotencyKey", Admission.LongestKey);
        if (key is not null && !Admission.IsKey(key))
            fields.Fault("idempotencyKey", $"must be 1 to {Admission.LongestKey} printable characters");
        var (request, faults) = ScheduleRequestReader.Read(fields);
        return request is null ? new BatchItem(Request: null, Fault: Problem.InvalidRequest(faults)) : new BatchItem(request, key);
    }
}
