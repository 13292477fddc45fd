using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using ModelContextProtocol.Protocol;
using ModelContextProtocol.Server;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>
/// A tool that is one of the HTTP operations, called inside the process for the caller that was let in: what it may do, checks, stores and
/// answers is the operation's, and a refusal is a tool error that carries the problem.
/// </summary>
/// <param name="tool">What the model is told of it.</param>
/// <param name="makeRequest">Makes the operation's request of the tool's arguments.</param>
/// <param name="operation">The operation.</param>
/// <param name="caller">The request that calls the tool.</param>
internal sealed class McpTool(
    Tool tool, Func<ToolArguments, ToolRequest> makeRequest, Func<HttpRequest, CancellationToken, Task<IResult>> operation, HttpRequest caller)
    : McpServerTool
{
    public override Tool ProtocolTool => tool;

    public override IReadOnlyList<object> Metadata => [];

    public override async ValueTask<CallToolResult> InvokeAsync(RequestContext<CallToolRequestParams> request, CancellationToken cancellationToken = default)
    {
        var context = new DefaultHttpContext { RequestServices = caller.HttpContext.RequestServices, RequestAborted = cancellationToken };
        using var answer = new MemoryStream();
        context.Response.Body = answer;
        context.Features.Set(caller.HttpContext.Features.Get<Caller>());
        var made = makeRequest(new ToolArguments(request.Params.Arguments));
        made.Fill(context.Request);

        await (made.Refusal?.ToResult() ?? await operation(context.Request, cancellationToken)).ExecuteAsync(context);
        var text = Encoding.UTF8.GetString(answer.GetBuffer(), 0, (int)answer.Length);
        // A tool's answer has no headers: as of many messages, the mark is one field more.
        if (context.Response.Headers.ContainsKey(SchedulingEndpoint.Replayed))
            text = BatchAnswer.WithReplayed(text);
        var body = JsonElement.Parse(text);
        return new CallToolResult
        {
            IsError = context.Response.StatusCode >= StatusCodes.Status400BadRequest,
            Content = [new TextContentBlock { Text = text }],
            StructuredContent = body,
        };
    }
}
