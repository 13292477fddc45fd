using System.Globalization;
using System.Text;

namespace Orchestrator.Bench.Workload;

/// <summary>The bytes of requests.</summary>
internal static class Requests
{
    /// <summary>How many messages a <see cref="ScheduleMany"/> carries.</summary>
    public const int Many = 1000;

    /// <summary>A request without a body.</summary>
    public static byte[] Get(string path) => Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");

    /// <summary><c>POST /process-queue</c>.</summary>
    public static byte[] ProcessQueue() => Post("/process-queue", "");

    /// <summary>The request of the README's example, for any of the users.</summary>
    public static byte[] ScheduleOne(int users) => Post("/schedule-message", Message(users) + "}");

    /// <summary>The same for one of them, for a later time where one is given.</summary>
    public static byte[] ScheduleOneFor(int user, string? scheduledFor) =>
        Post("/schedule-message", MessageFor(user) + (scheduledFor is null ? "}" : $",\"scheduledFor\":\"{scheduledFor}\"}}"));

    /// <summary>The README's example, a thousand times, each for any of the users.</summary>
    public static byte[] ScheduleMany(int users, bool withKeys = false)
    {
        var body = new StringBuilder("""{"messages":[""");
        for (var i = 0; i < Many; i++)
        {
            body.Append(i == 0 ? "" : ",").Append(Message(users));
            if (withKeys)
                body.Append(CultureInfo.InvariantCulture, $",\"idempotencyKey\":\"{Guid.NewGuid()}\"");
            body.Append('}');
        }

        return Post("/schedule-messages", body.Append("]}").ToString());
    }

    /// <summary>Without its last brace.</summary>
    private static string Message(int users) => MessageFor(Random.Shared.Next(1, users + 1));

    private static string MessageFor(int user) =>
            $$"""
            {"userId":"user_{{user}}","agentId":"concierge_agent_456","messageData":{"content":"Your intro request has been matched!"},"priority":"high","canDelay":true,"requiresFreshContext":false,"conversationId":"conv_{{user}}"
            """;

    private static byte[] Post(string path, string body) => Encoding.ASCII.GetBytes(
        $"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}");
}
