using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Rendering;

/// <summary>What the database knows of messages that are put before the model, and what it is told of them.</summary>
/// <param name="database">The database.</param>
/// <param name="clock">The clock of every decision.</param>
/// <param name="recipients">Knows people's time zones.</param>
/// <param name="options">The price table.</param>
/// <param name="logger">Where the end of a message is told.</param>
public sealed class RenderLedger(
    NpgsqlDataSource database, DatabaseClock clock, Recipients recipients, ModelOptions options, ILogger<RenderLedger> logger)
{
    /// <summary>How many turns are looked at; the prompt takes the newest that fit.</summary>
    private const int MostTurns = 60;

    /// <summary>The messages of a job that want something of the model, as they stand now; none where the lease is lost.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    internal async Task<IReadOnlyList<MessageToRender>> LoadAsync(RenderJob job, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        var rows = await connection.QueryAsync<OccasionRow>(Command("LoadOccasions", new { ids = job.Ids, job.Claim, now }));
        var user = await connection.QuerySingleOrDefaultAsync<UserRow>(Command("LoadUsers", new { userIds = new[] { job.UserId } }));
        if (user is null)
            return [];

        var zone = recipients.Create(user, []).Zone;
        var news = (await connection.QueryAsync<Guid>(Command("CheckForNews", new { ids = job.Ids, now, mostVerdicts = RenderRetries.MostVerdicts }))).ToHashSet();
        var traces = await MessageTraces.LoadAsync(connection, job.Ids, cancellationToken);
        var messages = new List<MessageToRender>();
        foreach (var row in rows)
        {
            ModelTask asks;
            if (row.RequiresFreshContext && news.Contains(row.Id))
                asks = ModelTask.Judge;
            else if (!row.HasContent)
                asks = ModelTask.Write;
            else
                continue;
            // Changed since it was leased: there is nothing left to write from, as the next decision will find.
            if (row is { HasContent: false, Data: null })
                continue;

            var turns = (await connection.QueryAsync<TurnRow>(Command(
                "LoadConversationTurns", new { row.ConversationId, row.UserId, now, most = MostTurns }))).Reverse();
            messages.Add(new MessageToRender(row.Id, row.UserId, asks, row.NewestInboundAt, row.Digest, new Occasion
            {
                Content = row.Content,
                Data = row.Data,
                QueuedAt = row.QueuedAt.InZone(zone).LocalDateTime,
                Now = now.InZone(zone).LocalDateTime,
                FirstName = row.FirstName,
                Summary = row.Summary,
                Turns =
                [
                    .. turns.Select(t => new Turn(
                        t.Direction == "inbound" ? Speaker.Person : Speaker.Agent, t.At.InZone(zone).LocalDateTime, t.Content, t.At > row.QueuedAt)),
                ],
            })
            { Trace = traces.GetValueOrDefault(row.Id) });
        }

        return messages;

        CommandDefinition Command(string statement, object parameters) =>
            new(Sql.Query(statement), parameters, cancellationToken: cancellationToken);
    }

    /// <summary>Records what came of a job, all of it or nothing.</summary>
    /// <returns>False where the lease is lost: somebody else has the messages, or they are waiting no more.</returns>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    internal Task<bool> RecordAsync(RenderJob job, IReadOnlyList<Rendered> renderings, CancellationToken cancellationToken) =>
        RunAsync(job, transaction => transaction.RecordAsync(renderings), cancellationToken);

    /// <summary>Records a fault that came before any answer, for all messages of a job.</summary>
    /// <inheritdoc cref="RecordAsync"/>
    internal Task<bool> RecordFaultAsync(RenderJob job, ModelFault fault, CancellationToken cancellationToken) =>
        RunAsync(job, transaction => transaction.RecordFaultAsync(fault), cancellationToken);

    private async Task<bool> RunAsync(RenderJob job, Func<RenderTransaction, Task> record, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var rendering = new RenderTransaction(connection, transaction, job, logger, cancellationToken);
        if (!await rendering.BeginAsync(clock))
            return false;

        await record(rendering);
        await transaction.CommitAsync(cancellationToken);
        return true;
    }

    /// <summary>Logs a call, whatever became of its message.</summary>
    internal async Task LogCallAsync(MessageToRender message, Outcome outcome, ModelUsage usage, string? fault, CancellationToken cancellationToken)
    {
        var cost = options.Prices.CostOf(usage);
        RenderTelemetry.Count(outcome, usage, fault, cost);
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        await connection.ExecuteAsync(new CommandDefinition(
            Sql.Query("LogModelCall"),
            new
            {
                action = message.Asks == ModelTask.Judge ? "message_judged" : "message_written",
                message.UserId,
                messageId = message.Id,
                model = usage.Model,
                inputTokens = usage.Tokens is { } read ? read.Input + read.CacheRead + read.CacheWrite : (long?)null,
                outputTokens = usage.Tokens?.Output,
                cachedTokens = usage.Tokens?.CacheRead,
                costUsd = cost,
                latencyMs = usage.LatencyMs,
                code = outcome.Code,
                reason = outcome.Reason,
                error = fault,
                now,
            },
            cancellationToken: cancellationToken));
    }

    /// <summary>Gives jobs back that are not done. A process that is stopping tries this once; where it fails, the leases run out.</summary>
    internal async Task ReleaseAsync(IReadOnlyList<RenderJob> jobs)
    {
        if (jobs.Count == 0)
            return;

        try
        {
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(1));
            await using var connection = await database.OpenConnectionAsync(patience.Token);
            var now = (await clock.ReadAsync(connection, patience.Token)).Now;
            var held = jobs.SelectMany(job => job.Ids.Select(id => (Id: id, job.Claim))).ToList();
            await connection.ExecuteAsync(new CommandDefinition(
                Sql.Query("ReleaseRenders"),
                new { ids = held.ConvertAll(h => h.Id).ToArray(), claims = held.ConvertAll(h => h.Claim).ToArray(), now },
                cancellationToken: patience.Token));
        }
        catch (Exception e) when (e is NpgsqlException or OperationCanceledException)
        {
            Log.RenderFault(logger, jobs[0].UserId, DatabaseErrors.Describe(e));
        }
    }

    private sealed record OccasionRow
    {
        public Guid Id { get; init; }

        public required string UserId { get; init; }

        public bool RequiresFreshContext { get; init; }

        public Instant QueuedAt { get; init; }

        public string? Content { get; init; }

        public string? Data { get; init; }

        public bool HasContent { get; init; }

        public required string Digest { get; init; }

        public string? ConversationId { get; init; }

        public string? Summary { get; init; }

        public string? FirstName { get; init; }

        public Instant NewestInboundAt { get; init; }
    }

    private sealed record TurnRow
    {
        public required string Direction { get; init; }

        public required string Content { get; init; }

        public Instant At { get; init; }
    }
}
