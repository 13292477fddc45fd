using System.Text;
using Microsoft.AspNetCore.Http;

namespace Orchestrator.Service.Http.Mcp;

/// <summary>The request that a tool makes.</summary>
internal sealed record ToolRequest(string Method, string Path)
{
    /// <summary>The query, with its question mark; null: none.</summary>
    public string? Query { get; init; }

    /// <summary>The <c>id</c> of the path; null: it has none.</summary>
    public string? Id { get; init; }

    /// <summary>The body in JSON; null: none.</summary>
    public string? Body { get; init; }

    /// <summary>The <c>Idempotency-Key</c>; null: none.</summary>
    public string? IdempotencyKey { get; init; }

    /// <summary>Why it is not to be made; null: it is.</summary>
    public Problem? Refusal { get; init; }

    /// <summary>Makes the request this one.</summary>
    public void Fill(HttpRequest request)
    {
        request.Method = Method;
        request.Path = Path;
        request.QueryString = new QueryString(Query);
        if (Id is not null)
            request.RouteValues["id"] = Id;
        if (IdempotencyKey is not null)
            request.Headers["Idempotency-Key"] = IdempotencyKey;
        if (Body is null)
            return;
        var bytes = Encoding.UTF8.GetBytes(Body);
        request.ContentType = "application/json";
        request.ContentLength = bytes.Length;
        request.Body = new MemoryStream(bytes);
    }
}
