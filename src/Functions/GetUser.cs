using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Tells what is stored of a user, and where they stand with the rules.</summary>
public sealed class GetUser(UserEndpoint endpoint)
{
    /// <summary><c>GET /users/{id}</c>.</summary>
    [Function(nameof(GetUser))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "get", "head", Route = "users/{id}")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        endpoint.GetAsync(request, id, cancellationToken);
}
