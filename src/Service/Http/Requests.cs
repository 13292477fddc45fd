using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Http;

/// <summary>
/// What every request passes through, the same on both hosts (the Functions worker runs no middleware of ours): the key and
/// its limit, the parameters of the query, a database that is ready, and faults turned into answers.
/// </summary>
public sealed class Requests(ApiKeys keys, RequestLimits limits, DatabaseReadiness readiness, ILogger<Requests> logger)
{
    /// <summary>Runs the handler for an admitted request, and answers for it where it fails.</summary>
    public Task<IResult> HandleAsync(HttpRequest request, QueryParameters known, Func<Task<IResult>> handle) => HandleAsync(request, known, _ => handle());

    /// <summary>The same for a handler that wants to know who is calling.</summary>
    /// <param name="request">The request.</param>
    /// <param name="known">The parameters that its query may have; null: the handler looks after that.</param>
    /// <param name="handle">The handler.</param>
    public Task<IResult> HandleAsync(HttpRequest request, QueryParameters? known, Func<Caller, Task<IResult>> handle)
    {
        // A request made by another that was let in: no caller from outside can set this.
        if (request.HttpContext.Features.Get<Caller>() is { } inside)
            return HandleOpenAsync(request, () => handle(inside));

        var (caller, refusal) = keys.Admit(request);
        if (caller is not null && limits.Count(caller) is { } wait)
            refusal = Problem.TooManyRequests(wait);
        else if (caller is not null && known?.FaultsOf(request.Query) is { Count: > 0 } faults)
            refusal = Problem.InvalidRequest(faults);
        return refusal is null ? HandleOpenAsync(request, () => handle(caller!)) : Task.FromResult(refusal.ToResult());
    }

    /// <summary>The same without a key, for callers who show otherwise who they are.</summary>
    public async Task<IResult> HandleOpenAsync(HttpRequest request, Func<Task<IResult>> handle)
    {
        Tracing.Continue(request.HttpContext);
        if (!readiness.IsReady)
            return Unavailable(request);

        try
        {
            return await handle();
        }
        catch (BadHttpRequestException e) when (e.StatusCode < 500)
        {
            // The server's own checks: a body cut short, one larger than it takes.
            return Problem.BadRequest(e.StatusCode, e.Message).ToResult();
        }
        catch (OperationCanceledException) when (request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            // Nobody is listening any more.
            return Results.StatusCode(499);
        }
        catch (Exception e) when (DatabaseErrors.IsOutOfReach(e))
        {
            Log.DatabaseOutOfReach(logger, e.Message);
            return Unavailable(request);
        }
        catch (Exception e)
        {
            Log.RequestFailed(logger, e, request.Method, request.Path);
            return Problem.Internal().ToResult();
        }
    }

    private static IResult Unavailable(HttpRequest request) =>
        Problem.DatabaseUnavailable(schedules: request.Path.Value?.StartsWith("/schedule-message", StringComparison.OrdinalIgnoreCase) is true).ToResult();
}
