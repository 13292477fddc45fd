using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Http;

/// <summary><c>POST /schedule-message</c>.</summary>
public sealed class SchedulingEndpoint(Requests requests, Scheduler scheduler)
{
    private const int LongestKey = 255;

    /// <summary>Reads the request, queues the message, and answers.</summary>
    public Task<IResult> ScheduleAsync(HttpRequest request, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, async caller =>
        {
            var (body, unreadable) = await JsonBody.ReadAsync(request, cancellationToken);
            if (unreadable is not null)
                return unreadable.ToResult();
            var (read, faults) = ScheduleRequestReader.Read(body);
            if (read is null)
                return Problem.InvalidRequest(faults).ToResult();
            if (!TryReadKey(request, out var key))
                return Problem.InvalidRequest("Idempotency-Key", $"must be 1 to {LongestKey} printable characters, sent once").ToResult();
            if (!TryReadDryRun(request, out var dryRun))
                return Problem.InvalidRequest("dryRun", "must be true or false").ToResult();

            return await scheduler.ScheduleAsync(read with { ScheduledBy = caller.Name }, key, dryRun, cancellationToken) switch
            {
                ScheduleOutcome.Answered { Replayed: true } answer => new WithHeader(Json(answer), "Idempotent-Replayed", "true"),
                ScheduleOutcome.Answered answer => Json(answer),
                ScheduleOutcome.Refused refusal => refusal.Problem.ToResult(),
                var other => throw new InvalidOperationException($"Unknown outcome {other}."),
            };
        });

    private static IResult Json(ScheduleOutcome.Answered answer) => Results.Text(answer.Json, "application/json");

    private static bool TryReadKey(HttpRequest request, out string? key)
    {
        key = null;
        if (!request.Headers.TryGetValue("Idempotency-Key", out var values))
            return true;
        if (values is not [{ Length: >= 1 and <= LongestKey } value] || value.Any(char.IsControl) || string.IsNullOrWhiteSpace(value))
            return false;
        key = value;
        return true;
    }

    private static bool TryReadDryRun(HttpRequest request, out bool dryRun)
    {
        dryRun = false;
        return !request.Query.TryGetValue("dryRun", out var values)
            || (values is [var value] && bool.TryParse(value, out dryRun));
    }
}
