using System.Text.Json;
using System.Text.Json.Nodes;

namespace Orchestrator.Chaos.Tests.Load;

/// <summary>The bodies of requests for orders.</summary>
internal static class Requests
{
    private static readonly string[] Lanes = ["urgent", "high", "high", "medium", "medium", "low"];

    /// <summary>One message by itself.</summary>
    public static JsonObject For(Order order, Random random)
    {
        var body = Common(order, random);
        body["messageData"] = Data(order.Reference, order.Text);
        if (order.NotBefore is { } notBefore)
            body["scheduledFor"] = notBefore.ToString("O");
        if (order.ExpiresAt is { } expiresAt)
            body["expiresAt"] = expiresAt.ToString("O");
        if (order.Topic is not null)
            body["topic"] = order.Topic;
        if (order.MayBeReworded)
            body["requiresFreshContext"] = true;
        return body;
    }

    /// <summary>One message of a sequence that comes in several requests.</summary>
    public static JsonObject ForPart(Order order, int total, Random random)
    {
        var body = For(order, random);
        body["sequence"] = new JsonObject { ["id"] = order.Sequence, ["position"] = order.Place, ["total"] = total };
        return body;
    }

    /// <summary>A sequence in one request.</summary>
    public static JsonObject ForAll(IReadOnlyList<Order> orders, Random random)
    {
        var body = Common(orders[0], random);
        body["messages"] = new JsonArray([.. orders.Select(o => new JsonObject { ["messageData"] = Data(o.Reference, o.Text) })]);
        return body;
    }

    /// <summary>What a message is about; without a text, a model is to write one.</summary>
    public static JsonObject Data(string reference, string? text) => text is null
        ? new JsonObject { ["event"] = "intro_accepted", ["reference"] = reference }
        : new JsonObject { ["content"] = text, ["reference"] = reference };

    /// <summary>A request as it is sent.</summary>
    public static string Text(this JsonObject body) => body.ToJsonString(JsonSerializerOptions.Default);

    private static JsonObject Common(Order order, Random random) => new()
    {
        ["userId"] = order.UserId,
        ["agentId"] = "chaos_agent",
        ["priority"] = Lanes[random.Next(Lanes.Length)],
        ["canDelay"] = random.Next(2) == 0,
    };
}
