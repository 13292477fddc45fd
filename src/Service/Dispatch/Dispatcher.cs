using System.Diagnostics;
using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// Decides everything that is due. Any number of dispatchers may run at once, in one process or many: the database gives each
/// message and each user to one of them at a time.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="clock">The clock of every decision.</param>
/// <param name="recipients">Reads users as the rules see them.</param>
/// <param name="rendering">Takes what a model must see first.</param>
/// <param name="sender">Told of what was handed over.</param>
/// <param name="alarm">Set for what is put off.</param>
/// <param name="settings">The rules and the size of a batch.</param>
/// <param name="logger">Where each decision is told.</param>
public sealed class Dispatcher(
    NpgsqlDataSource database, DatabaseClock clock, Recipients recipients, RenderBacklog rendering, SendSignal sender, QueueAlarm alarm, Settings settings,
    ILogger<Dispatcher> logger)
{
    /// <summary>This instance's row in <c>dispatchers</c>.</summary>
    private readonly Guid _instance = Guid.CreateVersion7();

    /// <summary>One pass over everything due, batch after batch, until nothing is left that this instance may take.</summary>
    /// <exception cref="NpgsqlException">The database went out of reach; what was decided before stays decided.</exception>
    public async Task<DispatchPass> RunOnceAsync(CancellationToken cancellationToken)
    {
        Log.ProcessingQueue(logger);
        var pass = await PassAsync(cancellationToken);
        Tell(pass.Result);
        return pass;
    }

    /// <summary>The same between two ticks: told of only where something was decided.</summary>
    /// <exception cref="NpgsqlException">The database went out of reach; what was decided before stays decided.</exception>
    public async Task<DispatchPass> WakeAsync(CancellationToken cancellationToken)
    {
        var pass = await PassAsync(cancellationToken);
        if (pass.Result.Decided > 0)
            Tell(pass.Result);
        return pass;
    }

    private void Tell(DispatchResult result) => Log.QueueProcessed(logger, result.Delivered, result.Deferred, result.Expired, result.Failed);

    private async Task<DispatchPass> PassAsync(CancellationToken cancellationToken)
    {
        // What stands in line before the model was due before everything that is due now.
        var pass = await TryDispatchLineAsync(cancellationToken);
        var sweep = new QueueSweep();
        pass += await SweepAsync(sweep, setAside: true, cancellationToken);
        if (sweep.HasSetAside)
            pass += await SweepAsync(sweep.ForThoseSetAside(), setAside: false, cancellationToken);

        // Rows of messages that other programs have written wait for no dispatch, and nobody else tells of them.
        sender.Set();
        await SetAlarmAsync(pass.At, cancellationToken);
        return pass;
    }

    private async Task<DispatchPass> SweepAsync(QueueSweep sweep, bool setAside, CancellationToken cancellationToken)
    {
        var pass = new DispatchPass(default, Instant.MinValue);
        for (var more = true; more;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            IReadOnlyList<ClaimedMessage> claimed = [];
            var batch = await RunBatchAsync(
                async (transaction, now) => claimed = await transaction.ClaimAsync(
                    "ClaimDueMessages", new { now, limit = settings.BatchSize, sweep.From, sweep.SkippedUsers }),
                cancellationToken);
            pass += new DispatchPass(batch.Result + await JudgeAsync(batch, cancellationToken), batch.At);

            // Users whom another dispatcher serves, and messages that nothing can be done with, must not hide what lies behind them.
            sweep.Advance(claimed, batch.UsersLeft, setAside);
            more = batch.Claimed >= settings.BatchSize || (batch.Claimed > 0 && batch.UsersLeft.Count > 0);
        }

        return pass;
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
            lockFirst: userId, lockTimeout: "5s");

    /// <summary>A fault in the line keeps nobody back who does not stand in it.</summary>
    private async Task<DispatchPass> TryDispatchLineAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await DispatchLineAsync(cancellationToken);
        }
        catch (Exception e) when (!DatabaseErrors.IsOutOfReach(e) && !cancellationToken.IsCancellationRequested)
        {
            Log.LineNotDispatched(logger, DatabaseErrors.Describe(e));
            return new DispatchPass(default, Instant.MinValue);
        }
    }

    /// <summary>Takes from the line before the model what this instance has hands free for. Any other rule may have come between meanwhile.</summary>
    /// <exception cref="NpgsqlException">The database went out of reach.</exception>
    public async Task<DispatchPass> DispatchLineAsync(CancellationToken cancellationToken)
    {
        var pass = new DispatchPass(default, Instant.MinValue);
        var skippedUsers = new HashSet<string>();
        var most = rendering.Room;
        while (rendering.Room is > 0 and var room && (pass.At != Instant.MinValue || await IsAnybodyInLineAsync(cancellationToken)))
        {
            var limit = Math.Max(room, most);
            var batch = await RunBatchAsync(
                (transaction, _) => transaction.ClaimAsync("ClaimLine", new { limit, skippedUsers = skippedUsers.ToArray() }), cancellationToken);
            pass += new DispatchPass(batch.Result + await JudgeAsync(batch, cancellationToken), batch.At);
            skippedUsers.UnionWith(batch.UsersLeft);
            // Where another rule has come between for all of them, as when night falls, the line is worked off in larger steps.
            most = rendering.Room < room ? 0 : Math.Min(limit * 2, settings.BatchSize);
            // Who is served by another dispatcher must not hide those behind; where nothing else could be done, nothing can.
            if (batch.Claimed == 0 || (batch.Result.Decided == 0 && batch.UsersLeft.Count == 0))
                break;
        }

        return pass;
    }

    /// <summary>
    /// Sets the alarm for the next message that becomes due after a pass. What was due already and was not taken is in somebody else's
    /// hands, or cannot be helped before the next tick.
    /// </summary>
    private async Task SetAlarmAsync(Instant after, CancellationToken cancellationToken)
    {
        if (!settings.WakesBetweenTicks)
            return;

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var head = await connection.QuerySingleAsync<QueueHead>(
            new CommandDefinition(Sql.Query("ReadNextDue"), new { after }, cancellationToken: cancellationToken));
        if (head.NextDue is { } due)
            alarm.Set(due - clock.Of(head.Now));
    }

    private async Task<bool> IsAnybodyInLineAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<bool>(new CommandDefinition(Sql.Query("IsAnybodyInLine"), cancellationToken: cancellationToken));
    }

    private delegate Task<IReadOnlyList<ClaimedMessage>> Claim(DispatchTransaction transaction, Instant now);

    private async Task<Batch> RunBatchAsync(
        Claim claim, CancellationToken cancellationToken, string? lockFirst = null, string lockTimeout = "1s")
    {
        IReadOnlyList<ClaimedMessage> claimed = [];
        var at = Instant.MinValue;
        var started = Stopwatch.GetTimestamp();
        Exception fault;
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            using var batch = new DispatchTransaction(connection, transaction, recipients, rendering, settings, cancellationToken);
            await batch.BoundAsync(lockTimeout);
            if (lockFirst is not null)
                await batch.LockUserAsync(lockFirst);

            // Read after any wait for a lock: a time from before it could be older than the last delivery.
            var reading = await clock.ReadAsync(connection, cancellationToken);
            at = reading.Now;
            claimed = await claim(batch, at);
            var decided = claimed.Count > 0 ? await batch.DecideAsync(claimed, reading.Now) : [];
            if (!await batch.ApplyAsync(decided, reading))
            {
                Log.BatchStalled(logger, claimed.Count);
                throw new TimeoutException("A batch took so long that the time it was decided for had passed.");
            }

            await transaction.CommitAsync(cancellationToken);
            batch.BeginRenders();
            Report(decided);
            var result = DispatchTransaction.Count(decided);
            if (result.Delivered > 0)
                sender.Set();
            foreach (var decision in decided.Select(d => d.Decision).OfType<Decision.Defer>())
                alarm.Set(decision.Until - reading.Now);
            await DispatchTelemetry.CommittedAsync(connection, decided, claimed.Count, started, reading.Now, logger, cancellationToken);
            await RecordAsync(connection, result, reading.Now, cancellationToken);
            return new Batch(claimed.Count, result, batch.BusyUsers, [], reading.Now);
        }
        catch (Exception e) when (claimed.Count > 0 && DatabaseErrors.MayBeAboutTheData(e))
        {
            fault = e;
        }

        // One message that cannot be delivered, or that somebody's lock holds up, takes its batch down with it. Halving finds it in
        // a few tries, and the rest goes out.
        if (claimed.Count > 1)
        {
            Log.BatchRefused(logger, claimed.Count, DatabaseErrors.Describe(fault));
            var half = claimed.Count / 2;
            // A lock that was held a second long is held still: every part would wait for it again.
            var partTimeout = DatabaseErrors.IsLockHeld(fault) ? "20ms" : "1s";
            var parts = await RunPartAsync(claimed.Take(half), partTimeout, cancellationToken)
                + await RunPartAsync(claimed.Skip(half), partTimeout, cancellationToken);
            return parts with { Claimed = claimed.Count };
        }

        var message = claimed[0];
        if (DatabaseErrors.IsRefusedData(fault))
            return await FailAsync(message, fault, at, cancellationToken);
        var suspects = DatabaseErrors.MayPass(fault) ? [] : new[] { new Suspect(message, fault) };
        return new Batch(1, default, [message.UserId], suspects, Instant.Min(message.ScheduledFor, at));
    }

    private Task<Batch> RunPartAsync(IEnumerable<ClaimedMessage> part, string lockTimeout, CancellationToken cancellationToken)
    {
        var ids = part.Select(m => m.Id).ToArray();
        return RunBatchAsync((transaction, now) => transaction.ClaimAsync("ClaimMessages", new { ids, now }), cancellationToken, lockTimeout: lockTimeout);
    }

    /// <summary>
    /// Ends messages that met an error which might as well be the service's or the schema's: a missing right, a missing table. Where
    /// others of the same batch were delivered, it is the message's own; otherwise everything waits until somebody has mended it.
    /// </summary>
    private async Task<DispatchResult> JudgeAsync(Batch batch, CancellationToken cancellationToken)
    {
        var result = new DispatchResult();
        foreach (var (message, fault) in batch.Suspects)
        {
            if (batch.Result.Delivered > 0)
                result += (await FailAsync(message, fault, batch.At, cancellationToken)).Result;
            else
                Log.MessageStuck(logger, message.Id, DatabaseErrors.Describe(fault));
        }

        return result;
    }

    /// <summary>Ends a message that cannot be delivered, so that it is never tried again nor forgotten.</summary>
    private async Task<Batch> FailAsync(ClaimedMessage message, Exception fault, Instant at, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
            using var batch = new DispatchTransaction(connection, transaction, recipients, rendering, settings, cancellationToken);
            await batch.BoundAsync("1s");
            // Of a sequence several rows are locked, and whoever locks more than one holds the user first.
            if (message.Sequence is not null)
                await batch.LockUserAsync(message.UserId);
            var reading = await clock.ReadAsync(connection, cancellationToken);
            if (!await batch.FailAsync(message, DatabaseErrors.Describe(fault), reading.Now))
                return new Batch(1, default, [message.UserId], [], reading.Now);

            await transaction.CommitAsync(cancellationToken);
            Log.MessageFailed(logger, message.Id, message.UserId, Failure.Rejected.Code());
            DispatchTelemetry.Count([new Decided(message, new Decision.Fail(Failure.Rejected), default)], reading.Now);
            var result = new DispatchResult(0, 0, 0, message.All.Count);
            await RecordAsync(connection, result, reading.Now, cancellationToken);
            return new Batch(1, result, [], [], reading.Now);
        }
        catch (PostgresException e) when (DatabaseErrors.MayBeAboutTheData(e))
        {
            Log.MessageStuck(logger, message.Id, DatabaseErrors.Describe(e));
            return new Batch(1, default, [message.UserId], [], Instant.Min(message.ScheduledFor, at));
        }
    }

    /// <summary>
    /// Adds to the figures of this instance. After the commit, in a statement of its own: inside, all dispatches of the instance would
    /// queue for its one row. A crash or a fault in between costs the figures a batch, and the messages nothing.
    /// </summary>
    private async Task RecordAsync(NpgsqlConnection connection, DispatchResult result, Instant now, CancellationToken cancellationToken)
    {
        try
        {
            await connection.ExecuteAsync(new CommandDefinition(
                Sql.Query("RecordPass"),
                new { instance = _instance, now, result.Delivered, result.Deferred, result.Expired, result.Failed },
                cancellationToken: cancellationToken));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.FiguresNotRecorded(logger, DatabaseErrors.Describe(e));
        }
    }

    /// <summary>Tells what was decided, once it is committed.</summary>
    private void Report(IReadOnlyList<Decided> decided)
    {
        if (!logger.IsEnabled(LogLevel.Warning))
            return;

        foreach (var (message, decision) in decided.SelectMany(d => d.Message.All.Select(m => (m, d.Decision))))
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
                case Decision.Render:
                    Log.MessageWithModel(logger, message.Id, message.UserId);
                    break;
                case Decision.Expire:
                    Log.MessageExpired(logger, message.Id, message.UserId);
                    break;
                case Decision.Fail fail:
                    Log.MessageFailed(logger, message.Id, message.UserId, fail.Because.Code());
                    break;
                case Decision.Cancel:
                    Log.MessageCancelled(logger, message.Id, message.UserId, Reasons.SequenceBroken);
                    break;
            }
        }
    }

    private sealed record QueueHead
    {
        public Instant? NextDue { get; init; }

        public Instant Now { get; init; }
    }

    /// <summary>A message that failed alone, by an error that may not be its own.</summary>
    private readonly record struct Suspect(ClaimedMessage Message, Exception Fault);

    /// <summary>What one transaction, or its parts, came to.</summary>
    /// <param name="Claimed">How many messages were claimed.</param>
    /// <param name="Result">What became of them.</param>
    /// <param name="UsersLeft">The users of claimed messages about whom nothing could be decided.</param>
    /// <param name="Suspects">Messages of which it is still to be told whether they are to blame.</param>
    /// <param name="At">The time it was decided for.</param>
    private readonly record struct Batch(
        int Claimed, DispatchResult Result, IReadOnlyCollection<string> UsersLeft, IReadOnlyCollection<Suspect> Suspects, Instant At)
    {
        public static Batch operator +(Batch left, Batch right) => new(
            left.Claimed + right.Claimed, left.Result + right.Result, [.. left.UsersLeft, .. right.UsersLeft],
            [.. left.Suspects, .. right.Suspects], Instant.Max(left.At, right.At));
    }
}
