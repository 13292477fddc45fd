using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// Decides everything that is due. Any number of dispatchers may run at once, in one process or many: the database gives each
/// message and each user to one of them at a time.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="clock">The clock of every decision.</param>
/// <param name="recipients">Reads users as the rules see them.</param>
/// <param name="settings">The rules and the size of a batch.</param>
/// <param name="logger">Where each decision is told.</param>
public sealed class Dispatcher(
    NpgsqlDataSource database, DatabaseClock clock, Recipients recipients, Settings settings, ILogger<Dispatcher> logger)
{
    private static readonly Duration ShortestWait = Duration.FromSeconds(1);

    /// <summary>This instance's row in <c>dispatchers</c>.</summary>
    private readonly Guid _instance = Guid.CreateVersion7();

    /// <summary>One pass over everything due, batch after batch, until nothing is left that this instance may take.</summary>
    /// <exception cref="NpgsqlException">The database went out of reach; what was decided before stays decided.</exception>
    public async Task<DispatchPass> RunOnceAsync(CancellationToken cancellationToken)
    {
        Log.ProcessingQueue(logger);
        var total = new DispatchResult();
        var at = Instant.MinValue;
        var skippedUsers = new HashSet<string>();
        for (var more = true; more;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var batch = await RunBatchAsync(
                (transaction, now) => transaction.ClaimAsync(
                    "ClaimDueMessages", new { now, limit = settings.BatchSize, skippedUsers = skippedUsers.ToArray() }),
                cancellationToken);
            total += batch.Result;
            at = batch.At;

            // Users whom another dispatcher serves, and messages that nothing can be done with, must not hide what lies behind them.
            skippedUsers.UnionWith(batch.UsersLeft);
            more = batch.Claimed >= settings.BatchSize || (batch.Claimed > 0 && batch.UsersLeft.Count > 0);
        }

        Log.QueueProcessed(logger, total.Delivered, total.Deferred, total.Expired, total.Failed);
        return new DispatchPass(total, at);
    }

    /// <summary>
    /// Decides what is due for one user, at once. It waits for the user's turn, so of two urgent messages scheduled at the same
    /// moment the second is decided in the knowledge of the first.
    /// </summary>
    /// <exception cref="NpgsqlException">The database went out of reach.</exception>
    public async Task DispatchUserAsync(string userId, CancellationToken cancellationToken) =>
        await RunBatchAsync(
            (transaction, now) => transaction.ClaimAsync("ClaimDueMessagesOfUser", new { userId, now, limit = settings.BatchSize }),
            cancellationToken,
            lockFirst: userId);

    /// <summary>
    /// How long until the next message is due; null where none waits. Never less than a second: what is due already and was not taken
    /// is in somebody else's hands.
    /// </summary>
    /// <exception cref="NpgsqlException">The database went out of reach.</exception>
    public async Task<Duration?> UntilNextDueAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var head = await connection.QuerySingleAsync<QueueHead>(
            new CommandDefinition(Sql.Query("ReadNextDue"), cancellationToken: cancellationToken));
        return head.NextDue is { } due ? Duration.Max(due - clock.Of(head.Now), ShortestWait) : null;
    }

    private delegate Task<IReadOnlyList<ClaimedMessage>> Claim(DispatchTransaction transaction, Instant now);

    private async Task<Batch> RunBatchAsync(Claim claim, CancellationToken cancellationToken, string? lockFirst = null)
    {
        IReadOnlyList<ClaimedMessage> claimed = [];
        PostgresException refusal;
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var batch = new DispatchTransaction(connection, transaction, recipients, settings, cancellationToken);
            await batch.BoundAsync(lockFirst is null ? "1s" : "5s");
            if (lockFirst is not null)
                await batch.LockUserAsync(lockFirst);

            // Read after any wait for a lock: a time from before it could be older than the last delivery.
            var reading = await clock.ReadAsync(connection, cancellationToken);
            var now = reading.Now;
            claimed = await claim(batch, now);
            var decided = claimed.Count > 0 ? await batch.DecideAsync(claimed, now) : [];
            if (!await batch.ApplyAsync(decided, _instance, reading))
            {
                Log.BatchStalled(logger, claimed.Count);
                throw new TimeoutException("A batch took so long that the time it was decided for had passed.");
            }

            await transaction.CommitAsync(cancellationToken);
            Report(decided);
            return new Batch(claimed.Count, DispatchTransaction.Count(decided), batch.BusyUsers, now);
        }
        catch (PostgresException e) when (claimed.Count > 0 && (DatabaseErrors.IsRefusedData(e) || DatabaseErrors.IsLockHeld(e)))
        {
            refusal = e;
        }

        // One message that the database refuses, or that somebody's lock holds up, takes its batch down with it. Halving finds it
        // in a few tries, and the rest goes out.
        if (claimed.Count == 1)
        {
            return DatabaseErrors.IsLockHeld(refusal)
                ? new Batch(1, default, [claimed[0].UserId], claimed[0].ScheduledFor)
                : await FailAsync(claimed[0], refusal, cancellationToken);
        }

        Log.BatchRefused(logger, claimed.Count, refusal.SqlState);
        var half = claimed.Count / 2;
        var parts = await RunPartAsync(claimed.Take(half), cancellationToken) + await RunPartAsync(claimed.Skip(half), cancellationToken);
        return parts with { Claimed = claimed.Count };
    }

    private Task<Batch> RunPartAsync(IEnumerable<ClaimedMessage> part, CancellationToken cancellationToken)
    {
        var ids = part.Select(m => m.Id).ToArray();
        return RunBatchAsync((transaction, now) => transaction.ClaimAsync("ClaimMessages", new { ids, now }), cancellationToken);
    }

    /// <summary>Ends a message that the database refuses to deliver, so that it is never tried again nor forgotten.</summary>
    private async Task<Batch> FailAsync(ClaimedMessage message, PostgresException refusal, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            var batch = new DispatchTransaction(connection, transaction, recipients, settings, cancellationToken);
            var reading = await clock.ReadAsync(connection, cancellationToken);
            IReadOnlyList<Decided> decided = [new(message, new Decision.Fail(Failure.Rejected), default)];
            await batch.ApplyAsync(decided, _instance, reading, detail: $"{refusal.SqlState} {refusal.ConstraintName}".TrimEnd());
            await transaction.CommitAsync(cancellationToken);
            Report(decided);
            return new Batch(1, DispatchTransaction.Count(decided), [], reading.Now);
        }
        catch (PostgresException e) when (DatabaseErrors.IsRefusedData(e))
        {
            Log.MessageStuck(logger, message.Id, e.SqlState);
            return new Batch(1, default, [message.UserId], message.ScheduledFor);
        }
    }

    /// <summary>Tells what was decided, once it is committed.</summary>
    private void Report(IReadOnlyList<Decided> decided)
    {
        if (!logger.IsEnabled(LogLevel.Warning))
            return;

        foreach (var (message, decision, _) in decided)
        {
            switch (decision)
            {
                case Decision.Deliver:
                    Log.MessageDelivered(logger, message.Id);
                    break;
                case Decision.Defer { By: Hold.HourlyLimit or Hold.DailyLimit or Hold.Cooldown } defer:
                    Log.RateLimitExceeded(logger, message.UserId, defer.By.Code(), message.Id, defer.Until);
                    break;
                case Decision.Defer { By: Hold.QuietHours } defer:
                    Log.InQuietHours(logger, message.UserId, message.Id, defer.Until);
                    break;
                case Decision.Defer defer:
                    Log.MessageDeferred(logger, message.Id, message.UserId, defer.Until, defer.By.Code());
                    break;
                case Decision.Expire:
                    Log.MessageExpired(logger, message.Id, message.UserId);
                    break;
                case Decision.Fail fail:
                    Log.MessageFailed(logger, message.Id, message.UserId, fail.Because.Code());
                    break;
            }
        }
    }

    private sealed record QueueHead
    {
        public Instant? NextDue { get; init; }

        public Instant Now { get; init; }
    }

    /// <summary>What one transaction, or its parts, came to.</summary>
    /// <param name="Claimed">How many messages were claimed.</param>
    /// <param name="Result">What became of them.</param>
    /// <param name="UsersLeft">The users of claimed messages about whom nothing could be decided.</param>
    /// <param name="At">The time it was decided for.</param>
    private readonly record struct Batch(int Claimed, DispatchResult Result, IReadOnlyCollection<string> UsersLeft, Instant At)
    {
        public static Batch operator +(Batch left, Batch right) => new(
            left.Claimed + right.Claimed, left.Result + right.Result, [.. left.UsersLeft, .. right.UsersLeft], Instant.Max(left.At, right.At));
    }
}
