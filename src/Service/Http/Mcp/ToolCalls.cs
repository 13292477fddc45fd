using System.Text.Json.Nodes;
using ModelContextProtocol;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>
/// Refuses calls of no tool, and those whose arguments are none: the SDK answers them as faults of the server, and logs them with a stack trace, which
/// is not the callers' to bring about.
/// </summary>
internal static class ToolCalls
{
    /// <summary>Looks at each message before the SDK does.</summary>
    public static McpMessageHandler Check(McpMessageHandler next) => (context, cancellationToken) =>
    {
        if (context.JsonRpcMessage is JsonRpcRequest { Method: RequestMethods.ToolsCall } call
            && WrongIn(call.Params, context.Server.ServerOptions.ToolCollection?.PrimitiveNames ?? []) is { } fault)
        {
            throw new McpProtocolException(fault, McpErrorCode.InvalidParams);
        }

        return next(context, cancellationToken);
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
