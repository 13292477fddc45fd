using Microsoft.AspNetCore.Http;
using Orchestrator.Service.People;

namespace Orchestrator.Service.Http;

/// <summary><c>GET</c> and <c>PUT /users/{id}</c>.</summary>
public sealed class UserEndpoint(Requests requests, UserStore store, UserReports reports)
{
    private const int LongestId = 255;

    /// <summary>Tells what is stored of the user, and where they stand.</summary>
    public Task<IResult> GetAsync(HttpRequest request, string id, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, QueryParameters.None, () => ReportAsync(IdOf(id), created: false, cancellationToken));

    /// <summary>Creates the user, or changes what the body gives; answers as <see cref="GetAsync"/> does.</summary>
    public Task<IResult> PutAsync(HttpRequest request, string id, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, QueryParameters.None, async caller =>
        {
            var userId = IdOf(id);
            var (body, unreadable) = await JsonBody.ReadAsync(request, cancellationToken);
            if (unreadable is not null)
                return unreadable.ToResult();
            var (change, faults) = UserChangeReader.Read(body);
            if (!IsId(userId))
            {
                return Problem.InvalidRequest(new Dictionary<string, string[]>(faults)
                {
                    ["id"] = [$"must be 1 to {LongestId} characters, and none that cannot be stored"],
                }).ToResult();
            }

            if (change is null)
                return Problem.InvalidRequest(faults).ToResult();

            var outcome = await store.PutAsync(userId, change with { ChangedBy = caller.Name }, cancellationToken);
            return outcome.Problem is { } problem ? problem.ToResult() : await ReportAsync(userId, outcome.Created, cancellationToken);
        });

    private async Task<IResult> ReportAsync(string id, bool created, CancellationToken cancellationToken)
    {
        if (!IsId(id) || await reports.ReadAsync(id, cancellationToken) is not { } report)
            return Problem.UserNotFound(id).ToResult();
        return created
            ? new WithHeader(JsonResults.Ok(report, StatusCodes.Status201Created), "Location", $"/users/{Uri.EscapeDataString(report.Id)}")
            : JsonResults.Ok(report);
    }

    private static bool IsId(string id) => !string.IsNullOrWhiteSpace(id) && id.Length <= LongestId && !id.Contains('\0', StringComparison.Ordinal);

    /// <summary>The id that the path holds. Servers decode paths, but for the slash.</summary>
    private static string IdOf(string segment) => segment.Replace("%2F", "/", StringComparison.OrdinalIgnoreCase);
}
