using Orchestrator.Service.Http;

namespace Orchestrator.Functions;

/// <summary>Creates or updates a user.</summary>
public sealed class PutUser(UserEndpoint endpoint)
{
    /// <summary><c>PUT /users/{id}</c>.</summary>
    [Function(nameof(PutUser))]
    public Task<IResult> RunAsync(
        [HttpTrigger(AuthorizationLevel.Anonymous, "put", Route = "users/{id}")] HttpRequest request, string id, CancellationToken cancellationToken) =>
        endpoint.PutAsync(request, id, cancellationToken);
}
