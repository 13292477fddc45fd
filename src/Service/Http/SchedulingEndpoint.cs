using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Http;

/// <summary><c>POST /schedule-message</c> and <c>POST /schedule-messages</c>.</summary>
public sealed class SchedulingEndpoint(Requests requests, GroupScheduler scheduler, BatchScheduler batchScheduler)
{
    /// <summary>The header that marks an answer as that of an earlier request with the same key.</summary>
    internal const string Replayed = "Idempotent-Replayed";

    /// <summary>The largest body with many messages, in bytes: 4 MiB.</summary>
    private const int MostBytesOfMany = 4 * 1024 * 1024;

    private static readonly QueryParameters Parameters = new("dryRun");

    /// <summary>Reads the request, queues the message, and answers.</summary>
    public Task<IResult> ScheduleAsync(HttpRequest request, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, Parameters, async caller =>
        {
            var (body, unreadable) = await JsonBody.ReadAsync(request, cancellationToken);
            if (unreadable is not null)
                return unreadable.ToResult();
            var (read, faults) = ScheduleRequestReader.Read(body);
            if (read is null)
                return Problem.InvalidRequest(faults).ToResult();
            if (!TryReadKey(request, out var key))
                return Problem.InvalidRequest("Idempotency-Key", $"must be 1 to {Admission.LongestKey} printable characters, sent once").ToResult();
            if (!TryReadDryRun(request, out var dryRun))
                return Problem.InvalidRequest("dryRun", "must be true or false").ToResult();

            return await scheduler.ScheduleAsync(read with { ScheduledBy = caller.Name, Traceparent = Tracing.Traceparent }, key, dryRun, cancellationToken) switch
            {
                ScheduleOutcome.Answered { Replayed: true } answer => new WithHeader(Json(answer), Replayed, "true"),
                ScheduleOutcome.Answered answer => Json(answer),
                ScheduleOutcome.Refused refusal => refusal.Problem.ToResult(),
                var other => throw new InvalidOperationException($"Unknown outcome {other}."),
            };
        });

    /// <summary>Reads the requests, queues the messages, and answers for each.</summary>
    public Task<IResult> ScheduleManyAsync(HttpRequest request, CancellationToken cancellationToken) =>
        requests.HandleAsync(request, Parameters, async caller =>
        {
            var (body, isFaulty, unreadable) = await JsonBody.ReadListAsync(request, MostBytesOfMany, cancellationToken);
            if (unreadable is not null)
                return unreadable.ToResult();
            var (items, faults) = BatchRequestReader.Read(body, isFaulty);
            if (items is null)
                return Problem.InvalidRequest(faults).ToResult();
            if (request.Headers.ContainsKey("Idempotency-Key"))
                return Problem.InvalidRequest("Idempotency-Key", "is not taken for many messages at once: give each message an idempotencyKey of its own").ToResult();
            if (!TryReadDryRun(request, out var dryRun))
                return Problem.InvalidRequest("dryRun", "must be true or false").ToResult();

            var traceparent = Tracing.Traceparent;
            return new BatchAnswer(await batchScheduler.ScheduleAsync([.. items.Select(item => item.By(caller.Name, traceparent))], dryRun, cancellationToken));
        });

    private static IResult Json(ScheduleOutcome.Answered answer) => Results.Text(answer.Json, "application/json");

    private static bool TryReadKey(HttpRequest request, out string? key)
    {
        key = null;
        if (!request.Headers.TryGetValue("Idempotency-Key", out var values))
            return true;
        if (values is not [{ } value] || !Admission.IsKey(value))
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
