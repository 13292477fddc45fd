using Microsoft.AspNetCore.Http;

namespace Orchestrator.Service.Http;

/// <summary>An answer with one header more.</summary>
internal sealed class WithHeader(IResult result, string name, string value) : IResult
{
    public Task ExecuteAsync(HttpContext httpContext)
    {
        httpContext.Response.Headers[name] = value;
        return result.ExecuteAsync(httpContext);
    }
}
