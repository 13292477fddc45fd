using System.Net;
using Orchestrator.Service.Http.Contract;

namespace Orchestrator.EndToEnd.Tests.Contract;

/// <summary>Holds every answer that a test gets against <c>docs/openapi.json</c>, and keeps in mind which ones there were.</summary>
internal sealed class ContractClient : DelegatingHandler
{
    private static readonly ApiContract Contract = new(OpenApiDocument.Bytes);

    private ContractClient()
        : base(new SocketsHttpHandler())
    {
    }

    /// <summary>Called with the operation, as in <c>GET /messages/{id}</c>, and the status of each answer.</summary>
    public Action<string, int>? Seen { get; init; }

    public static HttpClient Create(Uri address, Action<string, int>? seen = null) => new(new ContractClient { Seen = seen }) { BaseAddress = address };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var sent = request.Content is { Headers.ContentType.MediaType: "application/json" } json ? await json.ReadAsStringAsync(cancellationToken) : null;
        var response = await base.SendAsync(request, cancellationToken);
        await response.Content.LoadIntoBufferAsync(cancellationToken);
        var answer = new ContractAnswer(
            (int)response.StatusCode,
            response.Content.Headers.ContentType?.MediaType,
            [.. response.Headers.Select(header => header.Key)],
            await response.Content.ReadAsStringAsync(cancellationToken));

        // GET, of which the document speaks, without the body.
        if (request.Method == HttpMethod.Head)
            return response;

        // What the server itself cannot read as an address reaches no route.
        if (response.StatusCode == HttpStatusCode.BadRequest && answer.Body.Length == 0)
            return response;

        var method = request.Method.Method;
        var path = request.RequestUri!.AbsolutePath;
        Contract.WrongWith(method, path, sent, answer).ShouldBeNull($"{method} {path} was answered {answer.Status} {answer.Body}");
        if (Contract.Find(method, path) is { } operation)
            Seen?.Invoke(operation, answer.Status);
        return response;
    }
}
