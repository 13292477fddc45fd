using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Rendering;

/// <summary>
/// Records what came of one job. What is left of it is locked first, and only what is as the model saw it is recorded: others may change a
/// message while the model is at it.
/// </summary>
internal sealed class RenderTransaction(
    NpgsqlConnection connection, NpgsqlTransaction transaction, RenderJob job, ILogger logger, CancellationToken cancellationToken)
{
    private Instant _now;

    private Dictionary<Guid, HeldMessage> _held = [];

    /// <summary>Takes the user's turn, then the messages; false where the lease is lost.</summary>
    public async Task<bool> BeginAsync(DatabaseClock clock)
    {
        // Whoever changes several messages of a user holds the user first.
        await ExecuteAsync(Sql.Batch("BoundTransaction", "PlanByIndex", "LockUser"), new { lockTimeout = "5s", userId = job.UserId });
        _now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        _held = (await QueryAsync<HeldMessage>("LockRenders", new { ids = job.Ids, job.Claim })).ToDictionary(m => m.Id);
        return _held.Count > 0;
    }

    /// <summary>Records what the model made of the messages, of a sequence up to the first that is not ready, which decides about the rest.</summary>
    public async Task RecordAsync(IReadOnlyList<Rendered> renderings)
    {
        var unchanged = renderings.Where(r => _held.TryGetValue(r.Message.Id, out var held) && held.Digest == r.Message.Digest).ToList();
        await KeepAsync(unchanged.FindAll(r => r.Outcome is Outcome.Ready));
        if (unchanged.Find(r => r.Outcome is not Outcome.Ready) is not { Message: var message, Outcome: var outcome } unready)
        {
            await ReleaseAsync();
            return;
        }

        var held = _held[message.Id];
        switch (outcome)
        {
            case Outcome.Stale when held.Verdicts + 1 < RenderRetries.MostVerdicts && await HasUserWrittenSinceAsync(message):
                // What the model did not know may change its mind.
                await KeepAsync([unready]);
                await ReleaseAsync();
                break;
            case Outcome.Stale stale:
                await EndStaleAsync(message.Id, stale.Why);
                break;
            case Outcome.Failed failed:
                await FailAsync([held], failed.Fault, message.NewestInboundAt);
                break;
            case Outcome.Paused { IsGivenUp: false } paused:
                await DeferAsync(failed: [], RenderRetries.AfterPause(paused.Fault.RetryAfter, _now), paused.Fault);
                break;
            // What has a text goes out as it is; what has none has its tries all the same, and may find the model back.
            case Outcome.Paused paused when held.HasContent:
                await GiveUpAsync([held], paused.Fault, message.NewestInboundAt);
                break;
            case Outcome.Paused paused:
                await FailAsync([held], paused.Fault, message.NewestInboundAt);
                break;
            default:
                throw new InvalidOperationException($"Unknown outcome {outcome}.");
        }
    }

    /// <summary>Records a fault of all the messages.</summary>
    public Task RecordFaultAsync(ModelFault fault) => FailAsync([.. _held.Values], fault, judgedAt: _now);

    private Task FailAsync(List<HeldMessage> failed, ModelFault fault, Instant judgedAt) =>
        RenderRetries.Next(failed.Max(m => m.RenderAttempts) + 1, fault.RetryAfter, _now) is { } until
            ? DeferAsync(failed, until, fault)
            : GiveUpAsync(failed, fault, judgedAt);

    /// <summary>Keeps what is ready, and counts each verdict; that a message is stale is told by its end alone.</summary>
    private async Task KeepAsync(List<Rendered> renderings)
    {
        if (renderings.Count == 0)
            return;

        await ExecuteAsync(Sql.Query("KeepRendered"), new
        {
            ids = renderings.ConvertAll(r => r.Message.Id).ToArray(),
            texts = renderings.ConvertAll(r => (r.Outcome as Outcome.Ready)?.Text).ToArray(),
            judgedAts = renderings.ConvertAll(r => r is { Message.Asks: ModelTask.Judge, Outcome: Outcome.Ready } ? r.Message.NewestInboundAt : (Instant?)null).ToArray(),
            verdicts = renderings.ConvertAll(r => r.Message.Asks == ModelTask.Judge ? 1 : 0).ToArray(),
        });
    }

    /// <summary>Everything that is still held is due again, to be decided with what is known now.</summary>
    private Task<int> ReleaseAsync() => ExecuteAsync(Sql.Query("ReleaseRenders"), new
    {
        ids = _held.Keys.ToArray(),
        claims = _held.Keys.Select(_ => job.Claim).ToArray(),
        now = _now,
    });

    private async Task DeferAsync(List<HeldMessage> failed, Instant until, ModelFault fault)
    {
        var ids = _held.Keys.ToArray();
        await ExecuteAsync(Sql.Query("DeferRenders"), new { ids, failed = failed.ConvertAll(m => m.Id).ToArray(), until, now = _now });
        await LogAsync("message_deferred", ids, Reasons.ModelUnavailable, fault.Sentence, until: until);
    }

    /// <summary>Without a text a message fails, and its sequence with it; else it goes out as it is, and so does what is ready of its sequence.</summary>
    private async Task GiveUpAsync(List<HeldMessage> failed, ModelFault fault, Instant judgedAt)
    {
        if (failed.Find(m => !m.HasContent) is { } unwritten)
        {
            await ExecuteAsync(Sql.Query("RecordUnwritten"), new { unwritten.Id, now = _now });
            await LogAsync("message_failed", [unwritten.Id], Reasons.NotRendered, fault.Sentence, error: fault.Sentence);
            await CancelRestAsync(unwritten.Id, Reasons.NotRendered);
            return;
        }

        var ids = failed.ConvertAll(m => m.Id).ToArray();
        await ExecuteAsync(Sql.Query("RecordUnjudged"), new { ids, judgedAt });
        await LogAsync(
            "message_judged", ids, "relevance_unknown",
            $"The model could not judge whether the message still makes sense, so it goes out as it is. {fault.Sentence}");
        await ReleaseAsync();
    }

    private async Task EndStaleAsync(Guid id, string reason)
    {
        var asked = (await QueryAsync<bool>("RecordStale", new { id, reason, now = _now })).Single();
        await LogAsync("message_superseded", [id], Reasons.Stale, reason, reformulationRequested: asked);
        await CancelRestAsync(id, Reasons.Stale);
    }

    private async Task CancelRestAsync(Guid ended, string code)
    {
        await TryAsync(() => SequenceCancellation.CancelRestAsync(connection, [ended], _now, cancellationToken));
        Log.RenderingEnded(logger, ended, job.UserId, code);
    }

    private async Task<bool> HasUserWrittenSinceAsync(MessageToRender message) => (await QueryAsync<bool>(
        "HasUserWritten", new { message.UserId, after = message.NewestInboundAt, now = _now })).Single();

    private Task LogAsync(
        string action, Guid[] ids, string code, string reason, Instant? until = null, bool? reformulationRequested = null, string? error = null) =>
        TryAsync(() => ExecuteAsync(
            Sql.Query("LogRendering"), new { action, ids, code, reason, until, reformulationRequested, error, now = _now }));

    /// <summary>Does what the record can do without: where the database refuses it, the record stands all the same.</summary>
    private async Task TryAsync(Func<Task> step)
    {
        const string Before = "before";
        await transaction.SaveAsync(Before, cancellationToken);
        try
        {
            await step();
        }
        catch (PostgresException e) when (DatabaseErrors.MayBeAboutTheData(e))
        {
            await transaction.RollbackAsync(Before, cancellationToken);
            Log.TrailRowLost(logger, job.UserId, DatabaseErrors.Describe(e));
        }
    }

    private Task<IEnumerable<T>> QueryAsync<T>(string query, object parameters) =>
        connection.QueryAsync<T>(new CommandDefinition(Sql.Query(query), parameters, transaction, cancellationToken: cancellationToken));

    private Task<int> ExecuteAsync(string statement, object parameters) =>
        connection.ExecuteAsync(new CommandDefinition(statement, parameters, transaction, cancellationToken: cancellationToken));

    /// <summary>A row of LockRenders.</summary>
    private sealed record HeldMessage
    {
        public Guid Id { get; init; }

        /// <summary>Whether there is a text that can go out without the model.</summary>
        public bool HasContent { get; init; }

        public required string Digest { get; init; }

        public int RenderAttempts { get; init; }

        public int Verdicts { get; init; }
    }
}
