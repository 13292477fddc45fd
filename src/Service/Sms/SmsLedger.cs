using Dapper;
using NodaTime;
using Npgsql;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Sms;

/// <summary>What the database knows of each SMS: whose turn it is, how far it has come. Each method is one statement, and so whole or not at all.</summary>
/// <param name="database">The database.</param>
/// <param name="clock">The clock of every decision.</param>
/// <param name="recipients">Reads users as the rules see them.</param>
/// <param name="settings">The rate and the rules.</param>
public sealed class SmsLedger(NpgsqlDataSource database, DatabaseClock clock, Recipients recipients, Settings settings)
{
    /// <summary>How long a claimed message may be looked at before its request goes out; then another instance takes it over.</summary>
    private static readonly Duration Lease = Duration.FromSeconds(30);

    /// <summary>Claims messages to be sent now.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    internal Task<IReadOnlyList<ClaimedSms>> ClaimToSendAsync(int most, CancellationToken cancellationToken) =>
        ClaimAsync("ClaimTurns", most, Lease, cancellationToken);

    /// <summary>Claims messages of which it must be found out whether the provider took them.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    internal Task<IReadOnlyList<ClaimedSms>> ClaimToAskAsync(int most, CancellationToken cancellationToken) =>
        ClaimAsync("ClaimUnsettledTurns", most, settings.Sms.Timeout + Lease, cancellationToken);

    private async Task<IReadOnlyList<ClaimedSms>> ClaimAsync(string statement, int most, Duration lease, CancellationToken cancellationToken)
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
                leaseEnd = now + lease,
                sentBefore = now - settings.Rules.Cooldown,
                perSecond = settings.Sms.PerSecond,
            },
            cancellationToken: cancellationToken))).AsList();
        return userIds.Count == 0 ? [] : await LoadAsync(connection, userIds, claim, now, cancellationToken);
    }

    private async Task<IReadOnlyList<ClaimedSms>> LoadAsync(
        NpgsqlConnection connection, List<string> userIds, Guid claim, Instant now, CancellationToken cancellationToken)
    {
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(
            Sql.Batch("LoadTurns", "LoadUsers", "LoadBudgets"), new { userIds = userIds.ToArray(), claim }, cancellationToken: cancellationToken));
        var turns = (await results.ReadAsync<TurnRow>()).AsList();
        var users = (await results.ReadAsync<UserRow>()).ToDictionary(u => u.UserId);
        var budgets = (await results.ReadAsync<BudgetRow>()).ToLookup(b => b.UserId);
        return turns.ConvertAll(turn => new ClaimedSms(
            turn, users.TryGetValue(turn.UserId, out var user) ? recipients.Create(user, [.. budgets[turn.UserId]]) : null, claim, now));
    }

    /// <summary>How long until there is something to send or to ask about; null: nothing waits.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    public async Task<Duration?> UntilNextAsync(CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var next = await connection.QuerySingleAsync<NextSend>(new CommandDefinition(
            Sql.Query("ReadNextSend"), new { cooldownSeconds = settings.Rules.Cooldown.TotalSeconds }, cancellationToken: cancellationToken));
        return next.At is { } at ? Duration.Max(at - clock.Of(next.Now), Duration.Zero) : null;
    }

    /// <summary>The time of the request that may go out now; null: none may.</summary>
    internal async Task<Instant?> StartSendingAsync(ClaimedSms sms, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        var started = await connection.QueryAsync<bool>(new CommandDefinition(
            Sql.Query("StartSending"),
            // Where nobody lives to record the answer, somebody asks for it soon after it must have come.
            new { sms.Turn.MessageId, sms.Claim, now, dueAt = now + settings.Sms.Timeout + Duration.FromSeconds(5) },
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
    internal Task RecordWaitingAsync(
        TurnRow turn, int attempt, string code, string reason, Instant until, Instant now, CancellationToken cancellationToken) =>
        ExecuteAsync("RecordSmsWaiting", new { turn.MessageId, attempt, code, reason, until, now }, cancellationToken);

    /// <summary>Not known: the provider is asked then.</summary>
    /// <param name="sms">The message.</param>
    /// <param name="code">Why it is not known.</param>
    /// <param name="reason">The same in a sentence.</param>
    /// <param name="until">When it is asked about.</param>
    /// <param name="isNew">Whether the trail does not say so yet.</param>
    /// <param name="now">The time.</param>
    /// <param name="cancellationToken">Ends the wait for the database.</param>
    internal Task RecordUnknownAsync(
        ClaimedSms sms, string code, string reason, Instant until, bool isNew, Instant now, CancellationToken cancellationToken) =>
        ExecuteAsync(
            "RecordSmsUnknown", new { sms.Turn.UserId, sms.Turn.MessageId, sms.Claim, code, reason, until, isNew, now }, cancellationToken);

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
        ExecuteAsync("FreeTurn", new { sms.Turn.UserId, sms.Turn.MessageId, sms.Claim }, cancellationToken);

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

        public Instant Now { get; init; }
    }
}
