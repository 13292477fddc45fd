using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>
/// <c>POST /mcp</c>: the service as tools for a model, by the SDK's own handler. That is to be had through endpoint routing alone, which
/// the Functions worker has not, so it is mapped to routes that nobody serves and called from here: the same on both hosts.
/// </summary>
public sealed class McpEndpoint(Requests requests, IServiceProvider services)
{
    private readonly RequestDelegate _handler = Handler(services);

    /// <summary>Answers one message of the protocol. Nothing is kept from one to the next, so any instance may get it.</summary>
    public Task<IResult> HandleAsync(HttpRequest request, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, QueryParameters.None, async caller =>
        {
            if (Origins.NotOfTheHost(request) is { } origin)
                return Problem.ForeignOrigin($"The page at '{origin}' is of another host than this service.").ToResult();

            var (body, unreadable) = await JsonBody.ReadAsync(request, cancellationToken);
            if (unreadable is not null)
                return unreadable.ToResult();

            // The tools act for this caller, who is counted once.
            request.HttpContext.Features.Set(caller);
            using var again = new MemoryStream(Encoding.UTF8.GetBytes(body.GetRawText()));
            request.Body = again;
            try
            {
                await _handler(request.HttpContext);
            }
            catch (Exception e) when (e is JsonException or InvalidOperationException && !request.HttpContext.Response.HasStarted)
            {
                // JSON, and no message of the protocol: a text with half a surrogate pair, an id that is none.
                return Problem.MalformedJson("It is no message of the Model Context Protocol.").ToResult();
            }

            return Results.Empty;
        });

    private static RequestDelegate Handler(IServiceProvider services)
    {
        var routes = new Routes(services);
        routes.MapMcp();
        return routes.DataSources.SelectMany(source => source.Endpoints)
            .Single(endpoint => endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()!.HttpMethods.Contains(HttpMethods.Post)).RequestDelegate!;
    }

    /// <summary>Where the SDK maps its endpoint.</summary>
    private sealed class Routes(IServiceProvider services) : IEndpointRouteBuilder
    {
        public IServiceProvider ServiceProvider => services;

        public ICollection<EndpointDataSource> DataSources { get; } = [];

        public IApplicationBuilder CreateApplicationBuilder() => new ApplicationBuilder(services);
    }
}
