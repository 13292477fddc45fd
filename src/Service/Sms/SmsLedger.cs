using System.Data;
using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Sms;

/// <summary>What the database knows of each SMS: whose turn it is, how far it has come. Each method is one statement, and so whole or not at all.</summary>
/// <param name="database">The database.</param>
/// <param name="clock">The clock of every decision.</param>
/// <param name="recipients">Reads users as the rules see them.</param>
/// <param name="settings">The rate and the rules.</param>
/// <param name="logger">Where rows that cannot be read are told.</param>
public sealed class SmsLedger(NpgsqlDataSource database, DatabaseClock clock, Recipients recipients, Settings settings, ILogger<SmsLedger> logger)
{
    /// <summary>After a fault that shows only when a message has been taken: how long none may show for it to be gone.</summary>
    internal static readonly Duration QuietAfterTaken = Duration.FromMinutes(5);

    /// <summary>How long a claimed message may be looked at beside the wait for the provider; then another instance takes it over.</summary>
    private static readonly Duration Lease = Duration.FromSeconds(30);

    /// <summary>Marks from when on this service sends, if it has never sent before: what was pending earlier is left to whoever did.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    public async Task BeginSendingAsync(CancellationToken cancellationToken) =>
        await ExecuteAsync("BeginSending", new { now = await ReadClockAsync(cancellationToken) }, cancellationToken);

    /// <summary>Claims messages to be sent now; one at a time where sending is stopped, to see whether it works again.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    internal async Task<IReadOnlyList<ClaimedSms>> ClaimToSendAsync(int most, CancellationToken cancellationToken)
    {
        var claimed = await ClaimAsync("ClaimTurns", most, cancellationToken);
        if (claimed.Count > 0 || most <= 0)
            return claimed;

        var now = await ReadClockAsync(cancellationToken);
        var resumed = await ExecuteAsync("ResumeSending", new { now, takenBefore = now - QuietAfterTaken }, cancellationToken) > 0;
        return await ClaimAsync(resumed ? "ClaimTurns" : "ClaimProbe", most, cancellationToken);
    }

    /// <summary>Claims messages of which it must be found out whether the provider took them.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    internal Task<IReadOnlyList<ClaimedSms>> ClaimToAskAsync(int most, CancellationToken cancellationToken) =>
        ClaimAsync("ClaimUnsettledTurns", most, cancellationToken);

    private async Task<IReadOnlyList<ClaimedSms>> ClaimAsync(string statement, int most, CancellationToken cancellationToken)
    {
        if (most <= 0)
            return [];

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        var claim = Guid.CreateVersion7();
        var userIds = (await connection.QueryAsync<string>(new CommandDefinition(
            Sql.Query(statement),
            new
            {
                now,
                most,
                claim,
                leaseEnd = now + settings.Sms.Timeout + Lease,
                sentBefore = now - settings.Rules.Cooldown,
                perSecond = settings.Sms.PerSecond,
            },
            cancellationToken: cancellationToken))).AsList();
        return userIds.Count == 0 ? [] : await LoadAsync(connection, userIds, claim, now, cancellationToken);
    }

    /// <summary>Loads what was claimed. A row that cannot be read keeps only its own message back, until somebody mends it.</summary>
    private async Task<IReadOnlyList<ClaimedSms>> LoadAsync(
        NpgsqlConnection connection, List<string> userIds, Guid claim, Instant now, CancellationToken cancellationToken)
    {
        try
        {
            return await LoadWholeAsync(connection, userIds, claim, now, cancellationToken);
        }
        catch (Exception) when (userIds.Count > 1 && connection.State == ConnectionState.Open)
        {
            var loaded = new List<ClaimedSms>();
            foreach (var userId in userIds)
                loaded.AddRange(await LoadAsync(connection, [userId], claim, now, cancellationToken));
            return loaded;
        }
        catch (Exception e) when (connection.State == ConnectionState.Open && !cancellationToken.IsCancellationRequested)
        {
            Log.SmsUnreadable(logger, userIds[0], DatabaseErrors.Describe(e));
            return [];
        }
    }

    private async Task<IReadOnlyList<ClaimedSms>> LoadWholeAsync(
        NpgsqlConnection connection, List<string> userIds, Guid claim, Instant now, CancellationToken cancellationToken)
    {
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(
            Sql.Batch("LoadTurns", "LoadUsers", "LoadBudgets"), new { userIds = userIds.ToArray(), claim }, cancellationToken: cancellationToken));
        var turns = (await results.ReadAsync<TurnRow>()).AsList();
        var users = (await results.ReadAsync<UserRow>()).ToDictionary(u => u.UserId);
        var budgets = (await results.ReadAsync<BudgetRow>()).ToLookup(b => b.UserId);
        var traces = await MessageTraces.LoadAsync(connection, [.. turns.Select(turn => turn.MessageId)], cancellationToken);
        return turns.ConvertAll(turn => new ClaimedSms(
            turn, users.TryGetValue(turn.UserId, out var user) ? recipients.Create(user, [.. budgets[turn.UserId]]) : null, claim, now)
        { Trace = traces.GetValueOrDefault(turn.MessageId) });
    }

    /// <summary>How long until there is something to send or to ask about; null: nothing waits.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    public async Task<Duration?> UntilNextAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        var next = await connection.QuerySingleAsync<NextSend>(new CommandDefinition(
            Sql.Query("ReadNextSend"), new { now, cooldownSeconds = settings.Rules.Cooldown.TotalSeconds }, cancellationToken: cancellationToken));
        return next.At is { } at ? Duration.Max(at - now, Duration.Zero) : null;
    }

    /// <summary>The time of the request that may go out now; null: none may.</summary>
    /// <param name="sms">The message.</param>
    /// <param name="account">Who sends it.</param>
    /// <param name="recipient">The number that it goes to.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    internal async Task<Instant?> StartSendingAsync(ClaimedSms sms, SmsAccount account, string recipient, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        var started = await connection.QueryAsync<int>(new CommandDefinition(
            Sql.Query("StartSending"),
            // Where nobody lives to record the answer, somebody asks for it soon after it must have come.
            new
            {
                sms.Turn.MessageId,
                sms.Claim,
                account = account.Id,
                sender = account.Number,
                recipient,
                now,
                dueAt = now + settings.Sms.Timeout + Duration.FromSeconds(5),
            },
            cancellationToken: cancellationToken));
        return started.Any() ? now : null;
    }

    /// <summary>Which of the provider's ids are accounted for.</summary>
    internal async Task<IReadOnlySet<string>> FindKnownSidsAsync(IEnumerable<string> sids, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await connection.QueryAsync<string>(new CommandDefinition(
            Sql.Query("FindKnownSids"), new { sids = sids.ToArray() }, cancellationToken: cancellationToken))).ToHashSet();
    }

    /// <summary>The time now.</summary>
    internal async Task<Instant> ReadClockAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return (await clock.ReadAsync(connection, cancellationToken)).Now;
    }

    /// <summary>The provider has taken it. False where the message had moved on to another try.</summary>
    internal async Task<bool> RecordSentAsync(TurnRow turn, int attempt, string? sid, Instant requestedAt, Instant now, CancellationToken cancellationToken) =>
        await ExecuteAsync("RecordSmsSent", new { turn.MessageId, attempt, sid, requestedAt, now }, cancellationToken) > 0;

    /// <summary>Not taken: the next try is then.</summary>
    /// <param name="turn">The message.</param>
    /// <param name="attempt">How many requests there were.</param>
    /// <param name="wait">Why, and until when.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    internal Task RecordWaitingAsync(TurnRow turn, int attempt, SmsWait wait, Instant now, CancellationToken cancellationToken) =>
        ExecuteAsync(
            "RecordSmsWaiting",
            new
            {
                turn.MessageId,
                attempt,
                wait.Code,
                wait.Reason,
                wait.Until,
                uncounted = wait.CountsAsTry ? 0 : 1,
                // A wait that is looked at now and then is told once.
                isNews = attempt > turn.Attempts || turn.RequestedAt is not null || turn.Error != wait.Code,
                now,
            },
            cancellationToken);

    /// <summary>Not known: the provider is asked then. Returns how many requests in a row have come to this, where it is new.</summary>
    /// <param name="sms">The message.</param>
    /// <param name="code">Why it is not known.</param>
    /// <param name="reason">The same in a sentence.</param>
    /// <param name="until">When it is asked about.</param>
    /// <param name="isNew">Whether the trail does not say so yet.</param>
    /// <param name="counts">Whether it counts among those in a row that say something of the provider.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    internal async Task<int> RecordUnknownAsync(
        ClaimedSms sms, string code, string reason, Instant until, bool isNew, bool counts, Instant now, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteScalarAsync<int>(new CommandDefinition(
            Sql.Query("RecordSmsUnknown"),
            new { sms.Turn.UserId, sms.Turn.MessageId, sms.Claim, code, reason, until, isNew, counts, now },
            cancellationToken: cancellationToken));
    }

    /// <summary>It never reaches its phone.</summary>
    /// <param name="turn">The message.</param>
    /// <param name="attempt">How many requests there were.</param>
    /// <param name="status"><c>failed</c> or <c>expired</c>.</param>
    /// <param name="code">Why.</param>
    /// <param name="reason">The same in a sentence.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    internal Task RecordEndedAsync(
        TurnRow turn, int attempt, string status, string code, string reason, Instant now, CancellationToken cancellationToken) =>
        ExecuteAsync("RecordSmsEnded", new { turn.MessageId, attempt, status, code, reason, now }, cancellationToken);

    /// <summary>Gives up a turn whose message waits no more.</summary>
    internal Task FreeTurnAsync(ClaimedSms sms, CancellationToken cancellationToken) =>
        ExecuteAsync("FreeTurn", new { sms.Turn.UserId, sms.Turn.MessageId, sms.Claim, sms.Turn.RequestedAt }, cancellationToken);

    /// <summary>Lets another message make the request that this one was claimed for and has not made.</summary>
    internal Task GiveBackSlotAsync(Instant now, CancellationToken cancellationToken) =>
        ExecuteAsync("GiveBackSlot", new { now, perSecond = settings.Sms.PerSecond }, cancellationToken);

    /// <summary>The provider has answered, if only to refuse.</summary>
    internal Task RecordAnsweredAsync(CancellationToken cancellationToken) => ExecuteAsync("RecordAnswered", new { }, cancellationToken);

    /// <summary>Lets another message be tried in the place of one that tells nothing of the fault that stopped the sending.</summary>
    internal Task PassOnProbeAsync(TurnRow turn, Instant now, CancellationToken cancellationToken) =>
        ExecuteAsync("PassOnProbe", new { turn.LeaseEnd, now }, cancellationToken);

    /// <summary>Lets no instance send anything until then.</summary>
    /// <param name="code">What is to be mended.</param>
    /// <param name="stops">How many stops in a row there were before.</param>
    /// <param name="opensOnDelivery">Whether the fault shows only after the provider has taken a message.</param>
    /// <param name="until">When one message is tried.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    internal Task StopSendingAsync(
        string code, int stops, bool opensOnDelivery, Instant until, Instant now, CancellationToken cancellationToken) =>
        ExecuteAsync("StopSending", new { code, stops, opensOnDelivery, until, now }, cancellationToken);

    /// <summary>Lets no instance make a request before then.</summary>
    internal Task PauseSendingAsync(Instant until, CancellationToken cancellationToken) =>
        ExecuteAsync("PauseSending", new { until }, cancellationToken);

    private async Task<int> ExecuteAsync(string statement, object parameters, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return await connection.ExecuteAsync(new CommandDefinition(Sql.Query(statement), parameters, cancellationToken: cancellationToken));
    }

    private sealed record NextSend
    {
        public Instant? At { get; init; }
    }
}
