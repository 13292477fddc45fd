using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;
using Orchestrator.Service.Http.Contract;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>The tools, and what a model is told of them. Their fields are those of the contract.</summary>
internal sealed class McpTools(SchedulingEndpoint scheduling, MessagesEndpoint messages, UserEndpoint users)
{
    /// <summary>What a model is told before it sees any tool.</summary>
    public const string Instructions =
        """
        Sends text messages to people at a time that suits them. You say what and how important; this service decides when, by each person's
        cooldown (30 seconds between deliveries), limits, quiet hours and habits, and every answer says when that will be and why not sooner.
        Do not wait, retry or split to get around a rule: schedule once and let it hold the message. To learn when a message would go
        out without sending it, use preview_message; to learn why one has not arrived, get_message.
        """;

    private const string WhenToUseWhat =
        """
        priority is the lane: 'urgent' only for what loses its worth within minutes (a code, a ride at the door); it is decided at once and still keeps
        to cooldown, limits and quiet hours. 'high' for an answer the person is waiting for: it goes as soon as the rules allow. 'medium' (the
        default) for news: it comes at the hour at which the person usually answers, up to a day later. 'low' for what may wait behind everything else, up to a day.
        At night (quiet hours, 22:00 to 08:00 in the person's own time zone unless theirs differ) nothing goes out, urgent included, and what is scheduled
        waits for the morning; a person who has written within the last 10 minutes is awake and gets it all the same. Do not delay night messages yourself.
        canDelay: false when it should go as soon as the rules allow, without waiting for a better hour.
        requiresFreshContext: true when something said meanwhile could make it wrong or needless (a question, a reminder, an offer); it is then judged before it
        goes, reworded or dropped. false for facts that stay true.
        topic: the same short name for messages that replace one another ('matches', 'weather'): a newer one takes the place of an older one that still waits.
        sequence, or messages: for several messages that only make sense together and in order; they go out as one delivery. Use 'messages' (in place of messageData)
        when you have them all, 'sequence' when they come in calls of their own.
        expiresAt: when it is of no use later. scheduledFor: when it must not come sooner. Both with an offset, such as 2026-12-04T09:00:00-05:00.
        messageData: give 'content' for words that go out exactly as they are; without 'content' a model writes the text from the data.
        """;

    private const string MessageIdMeaning = "The messageId that schedule_message answered.";

    private static readonly Tool Schedule = new()
    {
        Name = "schedule_message",
        Title = "Schedule a message",
        Description = "Queues a message for a person. The answer's status is the truth: 'queued', or 'sent' for an urgent one that went out at once; scheduledFor, "
            + "code and reason say when it goes and what holds it back.\nidempotencyKey: give one, made of what the message is about, and repeat the call with the same one "
            + "whenever an answer did not reach you: the message is stored once.\n" + WhenToUseWhat,
        InputSchema = ScheduleSchema(withKey: true),
        Annotations = new() { ReadOnlyHint = false, DestructiveHint = false, IdempotentHint = false, OpenWorldHint = true },
    };

    private static readonly Tool Preview = new()
    {
        Name = "preview_message",
        Title = "Preview a message",
        Description = "Answers as schedule_message would, and stores nothing: whether the message would be taken, when it would go out, and what would hold it back. "
            + "Use it to choose a priority or a time, not before every message.\n" + WhenToUseWhat,
        InputSchema = ScheduleSchema(withKey: false),
        Annotations = new() { ReadOnlyHint = true, OpenWorldHint = false },
    };

    private static readonly Tool Get = new()
    {
        Name = "get_message",
        Title = "Look at a message",
        Description = "Where a message stands, what holds it back and until when (code, reason, scheduledFor), how far its SMS has come (sms), and in trail everything that has "
            + "happened to it. Use it to answer why somebody has not got a message yet.",
        InputSchema = SchemaOf("messageId", MessageIdMeaning),
        Annotations = new() { ReadOnlyHint = true, OpenWorldHint = false },
    };

    private static readonly Tool Cancel = new()
    {
        Name = "cancel_message",
        Title = "Cancel a message",
        Description = "Calls a message off that was not sent yet, and what is not sent of its sequence. Again: the same answer. Too late: an error with the state it is in. "
            + "To replace a message by a newer one, schedule the newer one with the same topic instead.",
        InputSchema = SchemaOf("messageId", MessageIdMeaning),
        Annotations = new() { ReadOnlyHint = false, DestructiveHint = true, IdempotentHint = true, OpenWorldHint = false },
    };

    private static readonly Tool User = new()
    {
        Name = "get_user",
        Title = "Look at a person",
        Description = "Where a person stands with the rules at this moment: whether they are active, in quiet hours (and until when) or cooling down, what is used and left of the hour's "
            + "and the day's limits, how many messages wait in each lane, and in nextFreeSlot when a message scheduled now would go out in each.",
        InputSchema = SchemaOf("userId", "Who it is."),
        Annotations = new() { ReadOnlyHint = true, OpenWorldHint = false },
    };

    /// <summary>All of them, for one request.</summary>
    /// <param name="caller">The request that calls them.</param>
    public IEnumerable<McpServerTool> For(HttpRequest caller) =>
    [
        new McpTool(
            Schedule,
            arguments => new("POST", "/schedule-message") { Body = arguments.Without("idempotencyKey"), IdempotencyKey = arguments.Text("idempotencyKey") },
            scheduling.ScheduleAsync,
            caller),
        new McpTool(
            Preview,
            arguments => new("POST", "/schedule-message") { Query = "?dryRun=true", Body = arguments.Without(null) },
            scheduling.ScheduleAsync,
            caller),
        new McpTool(Get, arguments => ById("GET", "/messages", arguments.OnlyId("messageId")), messages.GetAsync, caller),
        new McpTool(Cancel, arguments => ById("DELETE", "/messages", arguments.OnlyId("messageId")), messages.CancelAsync, caller),
        new McpTool(
            User,
            arguments => ById("GET", "/users", arguments.OnlyId("userId")),
            (request, cancellationToken) => users.GetAsync(request, (string)request.RouteValues["id"]!, cancellationToken),
            caller),
    ];

    private static ToolRequest ById(string method, string path, (string Id, Problem? Refusal) argument) =>
        new(method, path) { Id = argument.Id, Refusal = argument.Refusal };

    private static JsonElement ScheduleSchema(bool withKey)
    {
        var schema = OpenApiDocument.Schema("MessageToSchedule");
        // Not every model's provider takes a choice at the top; that one of the two is required stands in the description.
        schema.Remove("oneOf");
        schema["additionalProperties"] = false;
        if (withKey)
        {
            schema["properties"]!["idempotencyKey"] = new JsonObject
            {
                ["type"] = "string",
                ["minLength"] = 1,
                ["maxLength"] = 255,
                ["description"] = "Stands for this message: called again with the same key, the tool stores nothing new and gives the first answer.",
            };
        }

        return JsonSerializer.SerializeToElement(schema);
    }

    private static JsonElement SchemaOf(string name, string meaning) => JsonSerializer.SerializeToElement(new JsonObject
    {
        ["type"] = "object",
        ["properties"] = new JsonObject { [name] = new JsonObject { ["type"] = "string", ["description"] = meaning } },
        ["required"] = new JsonArray(name),
        ["additionalProperties"] = false,
    });
}
