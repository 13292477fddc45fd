using System.Text.Json;
using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>
/// Refuses calls of no tool, and what cannot be read of any message: the SDK answers such as faults of the server, and logs some as errors, which are
/// not the callers' to bring about.
/// </summary>
internal static class ToolCalls
{
    /// <summary>Looks at each message before the SDK does.</summary>
    public static McpMessageHandler Check(McpMessageHandler next) => async (context, cancellationToken) =>
    {
        if (context.JsonRpcMessage is JsonRpcRequest { Method: RequestMethods.ToolsCall } call
            && WrongIn(call.Params, context.Server.ServerOptions.ToolCollection?.PrimitiveNames ?? []) is { } fault)
        {
            throw new McpProtocolException(fault, McpErrorCode.InvalidParams);
        }

        try
        {
            await next(context, cancellationToken);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // What a tool throws does not come here: the SDK could not read what it was to be called with.
            throw new McpProtocolException("params: are none that the method takes, or hold half a surrogate pair.", e, McpErrorCode.InvalidParams);
        }
    };

    private static string? WrongIn(JsonNode? parameters, ICollection<string> tools) =>
        parameters is not JsonObject named ? "params: must be an object with the name of a tool, and its arguments."
        : NameIn(named) is not { } name || !tools.Contains(name) ? $"params.name: must be one of {string.Join(", ", tools.Order(StringComparer.Ordinal))}."
        : named["arguments"] is not (null or JsonObject) ? "params.arguments: must be an object, with each argument by its name."
        : null;

    private static string? NameIn(JsonObject parameters)
    {
        try
        {
            return parameters["name"] is JsonValue value && value.TryGetValue<string>(out var name) ? name : null;
        }
        catch (InvalidOperationException)
        {
            // Half a surrogate pair.
            return null;
        }
    }
}
