using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Upkeep;

/// <summary>
/// Deletes messages that left the queue long ago, with their trail, in small steps. Several instances may try at once: one at a time does.
/// What was said to people, in <c>messages</c>, stays.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="clock">The clock of every decision.</param>
/// <param name="settings">How long finished messages are kept, and who sends.</param>
/// <param name="logger">Where it is told what could not be deleted.</param>
public sealed class Pruner(NpgsqlDataSource database, DatabaseClock clock, Settings settings, ILogger<Pruner> logger)
{
    /// <summary>How many messages one step looks at: a transaction of some tens of milliseconds.</summary>
    public const int StepSize = 500;

    /// <summary>"prun" in ASCII: the advisory lock of whoever prunes, held for a step.</summary>
    private const long PruningLock = 0x7072756e;

    /// <summary>Does one step.</summary>
    /// <param name="after">Where the step before ended; null: begin with the oldest.</param>
    /// <param name="cancellationToken">Ends the wait; a step that is not committed is not done.</param>
    /// <exception cref="NpgsqlException">The database is out of reach: nothing of the step is done.</exception>
    public async Task<PruningStep> RunOnceAsync(PruningStep? after, CancellationToken cancellationToken)
    {
        if (settings.Retention is not { } retention)
            return PruningStep.Nothing;

        after ??= PruningStep.Nothing;
        try
        {
            return await RunAsync(after, retention, StepSize, cancellationToken);
        }
        catch (PostgresException e) when (IsOneRowsFault(e))
        {
            // Another program's table refers to one of them and forbids it, or takes too long to say so. The others go, one by one.
            Log.PruningRefused(logger, DatabaseErrors.Describe(e));
        }

        var step = after with { Pruned = 0 };
        for (var i = 0; i < StepSize; i++)
        {
            var one = await RunOneAsync(step, retention, cancellationToken);
            step = one with { Pruned = step.Pruned + one.Pruned, Looked = i + 1 };
            if (one.Looked == 0)
                return step with { Looked = i };
        }

        return step;
    }

    /// <summary>One message; where it may not be deleted, it is passed over.</summary>
    private async Task<PruningStep> RunOneAsync(PruningStep after, Duration retention, CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(after, retention, limit: 1, cancellationToken);
        }
        catch (PostgresException e) when (IsOneRowsFault(e))
        {
            return await RunAsync(after, retention, limit: 1, cancellationToken, deletes: false);
        }
    }

    private static bool IsOneRowsFault(PostgresException e) => DatabaseErrors.IsRefusedData(e) || DatabaseErrors.MayPass(e);

    private async Task<PruningStep> RunAsync(
        PruningStep after, Duration retention, int limit, CancellationToken cancellationToken, bool deletes = true)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            Sql.Batch("BoundTransaction", "PlanByIndex"), new { lockTimeout = "1s" }, transaction, cancellationToken: cancellationToken));
        if (!await connection.QuerySingleAsync<bool>(new CommandDefinition(
                Sql.Query("LockPruning"), new { pruningLock = PruningLock }, transaction, cancellationToken: cancellationToken)))
        {
            return PruningStep.Nothing;
        }

        var before = (await clock.ReadAsync(connection, cancellationToken)).Now - retention;
        var found = (await connection.QueryAsync<Prunable>(new CommandDefinition(
            Sql.Query("FindPrunable"),
            new
            {
                before,
                limit,
                afterTime = after.FinishedAt,
                afterId = after.Id,
                sends = settings.Sms.Delivery != SmsDelivery.External,
            },
            transaction, cancellationToken: cancellationToken))).AsList();
        if (found.Count == 0)
            return PruningStep.Nothing;

        Guid[] ids = [.. found.Where(message => message.MayGo && deletes).Select(message => message.Id)];
        var pruned = ids.Length == 0 ? 0 : await connection.QuerySingleAsync<int>(new CommandDefinition(
            Sql.Query("PruneMessages"), new { ids, before, firstDay = before.InUtc().Date }, transaction, cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
        return new PruningStep(found.Count, pruned, found[^1].FinishedAt, found[^1].Id);
    }

    private sealed record Prunable
    {
        public Guid Id { get; init; }

        public Instant FinishedAt { get; init; }

        public bool MayGo { get; init; }
    }
}

/// <summary>What a step has done, and where the next begins.</summary>
/// <param name="Looked">How many messages it has looked at; less than <see cref="Pruner.StepSize"/>: there are no more for now.</param>
/// <param name="Pruned">How many of them it has deleted.</param>
/// <param name="FinishedAt">When the last of them left the queue.</param>
/// <param name="Id">The last of them.</param>
public sealed record PruningStep(int Looked, int Pruned, Instant FinishedAt, Guid Id)
{
    /// <summary>There was nothing to look at, or another instance is at it.</summary>
    public static PruningStep Nothing { get; } = new(0, 0, Instant.FromUtc(1900, 1, 1, 0, 0), Guid.Empty);
}
