using System.Reflection;
using Microsoft.Extensions.DependencyInjection;
using ModelContextProtocol.AspNetCore;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>Puts the tools together, the same on both hosts.</summary>
internal static class McpRegistration
{
    public static IServiceCollection AddMcp(this IServiceCollection services)
    {
        services.AddMcpServer(server =>
        {
            server.ServerInfo = new()
            {
                Name = "message-orchestrator",
                Title = "Message Orchestrator",
                Version = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3),
            };
            server.ServerInstructions = McpTools.Instructions;
            server.Filters.Message.IncomingFilters.Add(ToolCalls.Check);
        }).WithHttpTransport(http =>
        {
            http.SessionMode = HttpServerSessionMode.Stateless;
            http.ConfigureSessionOptions = (context, server, _) =>
            {
                server.ToolCollection = [.. context.RequestServices.GetRequiredService<McpTools>().For(context.Request)];
                return Task.CompletedTask;
            };
        });
        return services.AddSingleton<McpTools>().AddSingleton<McpEndpoint>();
    }
}
