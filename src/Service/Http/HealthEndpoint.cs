using System.Text.Json.Serialization;
using Dapper;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Http;

/// <summary><c>GET /health</c>: open to everyone. What the model costs and why nothing is sent is told to those alone who may call the rest.</summary>
public sealed class HealthEndpoint(ApiKeys keys, NpgsqlDataSource database, DatabaseReadiness readiness, DatabaseClock clock, Settings settings,
    ILogger<HealthEndpoint> logger)
{
    /// <summary>Up to so many waiting messages are counted one by one; more are estimated.</summary>
    private const int CountUpTo = 10_000;

    /// <summary>A health check that hangs is no check.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>How late a tick may be before the processor counts as stopped.</summary>
    private static readonly Duration Grace = Duration.FromSeconds(60);

    /// <summary>The rate alone makes the next request wait less than this.</summary>
    private static readonly Duration ShortestPause = Duration.FromSeconds(2);

    /// <summary>200 with the figures, or 503 when the database is out of reach.</summary>
    public async Task<IResult> CheckAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        if (!readiness.IsReady)
            return Unhealthy();

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await using var connection = await database.OpenConnectionAsync(patience.Token);
            var figures = await connection.QuerySingleAsync<Figures>(new CommandDefinition(
                Sql.Query("ReadHealth"), new { countUpTo = CountUpTo }, cancellationToken: patience.Token));
            var answer = ToAnswer(figures);
            return JsonResults.Ok(keys.Admit(request).Refusal is null ? answer : answer with { Model = null, Sms = null });
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.HealthCheckFailed(logger, e.Message);
            return Unhealthy();
        }
    }

    private Answer ToAnswer(Figures figures)
    {
        var now = clock.Of(figures.Now);
        var sending = settings.Sms.Delivery == SmsDelivery.External ? "external" : figures.SendingStoppedAt is null ? "running" : "stopped";
        var estimated = figures.MessagesCounted >= CountUpTo;
        return new Answer
        {
            // Nobody is helped by taking an instance away that cannot send: it accepts and decides as ever.
            Status = sending == "stopped" ? "degraded" : "healthy",
            Timestamp = now,
            Stats = new
            {
                MessagesQueued = estimated ? Math.Max(figures.MessagesCounted, figures.MessagesEstimated) : figures.MessagesCounted,
                MessagesQueuedIsEstimate = estimated,
                figures.MessagesProcessed,
                figures.LastProcessTime,
                ProcessorRunning = figures.LastProcessTime is { } last && now <= settings.NextTickAfter(last) + Grace,
                figures.MessagesPending,
            },
            Model = new
            {
                Name = settings.Model?.Model,
                CallsToday = figures.ModelCalls ?? 0,
                CostTodayUsd = figures.ModelCostUsd ?? 0,
            },
            Sms = new
            {
                Delivery = settings.Sms.Delivery.ToString().ToLowerInvariant(),
                Sending = sending,
                StoppedSince = sending == "stopped" ? figures.SendingStoppedAt : null,
                StoppedBy = sending == "stopped" ? figures.SendingStoppedBy : null,
                PausedUntil = sending == "running" && figures.SendingFreeAt > now + ShortestPause ? figures.SendingFreeAt : (Instant?)null,
            },
        };
    }

    private static IResult Unhealthy() => JsonResults.Ok(
        new
        {
            Status = "unhealthy",
            Service = "message-orchestrator",
            Timestamp = SystemClock.Instance.GetCurrentInstant(),
            Error = "database_unavailable",
        },
        StatusCodes.Status503ServiceUnavailable);

    private sealed record Answer
    {
        public required string Status { get; init; }

        public string Service { get; } = "message-orchestrator";

        public Instant Timestamp { get; init; }

        public required object Stats { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public object? Model { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public object? Sms { get; init; }
    }

    private sealed record Figures
    {
        public long MessagesCounted { get; init; }

        public long MessagesEstimated { get; init; }

        public long MessagesProcessed { get; init; }

        public Instant? LastProcessTime { get; init; }

        /// <summary>Handed over and not sent; counted no further than <see cref="CountUpTo"/>.</summary>
        public long MessagesPending { get; init; }

        /// <summary>Since midnight in UTC, by all instances; null: none.</summary>
        public long? ModelCalls { get; init; }

        public decimal? ModelCostUsd { get; init; }

        public Instant? SendingStoppedAt { get; init; }

        public string? SendingStoppedBy { get; init; }

        /// <summary>When the rate, or a provider that asked for a pause, allows the next request.</summary>
        public Instant SendingFreeAt { get; init; }

        public Instant Now { get; init; }
    }
}
