using System.Globalization;
using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Http;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.People;

/// <summary>Creates and updates users. What already waits for them follows.</summary>
public sealed class UserStore(
    NpgsqlDataSource database, DatabaseClock clock, IdFormat ids, Recipients recipients, OptOuts optOuts, Dispatcher dispatcher, SendSignal sender,
    Settings settings, ILogger<UserStore> logger)
{
    /// <summary>How often a user may be created and deleted by others between the look and the insert.</summary>
    private const int MostAttempts = 5;

    /// <summary>Creates the user, or changes what the request gives.</summary>
    /// <param name="id">The user's id, checked for what any id must be.</param>
    /// <param name="change">The checked request.</param>
    /// <param name="cancellationToken">Ends the wait; what is committed stays.</param>
    /// <exception cref="NpgsqlException">The database is out of reach; nothing is stored, or the answer was lost on its way.</exception>
    public async Task<UserOutcome> PutAsync(string id, UserChange change, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if ((await ids.ReadAsync(connection, cancellationToken)).Normalize(id) is not { } userId)
            return Refuse(Problem.InvalidRequest("id", "must be a uuid, as all ids of this database are"));

        Written written;
        try
        {
            (written, var problem) = await WriteAsync(connection, userId, change, cancellationToken);
            if (problem is not null)
                return Refuse(problem);
        }
        catch (PostgresException e) when (DatabaseErrors.IsRefusedData(e))
        {
            return Refuse(await ExplainAsync(connection, userId, change, e, cancellationToken));
        }

        Report(userId, change, written);
        await connection.CloseAsync();
        if (written.Redecided)
            await DispatchAsync(userId, cancellationToken);
        return new UserOutcome(written.Created);
    }

    private static UserOutcome Refuse(Problem problem) => new(Created: false, problem);

    /// <summary>All of it in one transaction, in the user's turn: no dispatch decides for the user, and nobody else changes them, meanwhile.</summary>
    private async Task<(Written Written, Problem? Problem)> WriteAsync(NpgsqlConnection connection, string userId, UserChange change, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync("BoundTransaction", new { lockTimeout = "5s" });
        var (created, former) = await FindOrCreateAsync();

        // Read after any wait for the lock, like everything else that is read here.
        var before = await SchedulingContext.LoadAsync(connection, clock, UserReports.Probe(userId), key: null, settings.Rules.BusyAbove, cancellationToken);
        // Messages first: who records what becomes of one may then name its user in the trail, while a number that is a key of the table changes.
        var cancelled = 0;
        if (change.OptedOut is true)
            cancelled = await optOuts.OptOutAsync(connection, transaction, [userId], change.ChangedBy, cancellationToken);
        else if (change.OptedOut is false)
            await OptOuts.OptInAsync(connection, transaction, [userId], cancellationToken);
        if (!created)
            await ExecuteAsync("UpdateUser", ParametersOf(userId, change, before.Now));
        if (change.PhoneNumber.IsGiven && !created && change.PhoneNumber.Value != former!.PhoneNumber)
            await ExecuteAsync("MoveConversations", new { userId, phoneNumber = change.PhoneNumber.Value, formerNumber = former.PhoneNumber });

        var user = await connection.QuerySingleAsync<UserRow>(Command("LoadUsers", new { userIds = new[] { userId } }));
        if (WrongWithQuietHours(change, user) is { } problem)
            return (default, problem);

        var date = LocalDay.Of(before.Now, recipients.Create(user, []).Zone);
        var formerDate = LocalDay.Of(before.Now, recipients.Create(before.User!, []).Zone);
        if (change.GivesBudget || (before.Budgets.Count > 0 && date != formerDate))
            await ExecuteAsync("SetBudget", BudgetOf(userId, change, date, formerDate));

        var redecided = await FollowAsync(user, before);
        await transaction.CommitAsync(cancellationToken);
        return (new Written(created, redecided, former?.OptedOut ?? false, cancelled), null);

        async Task<(bool Created, StoredUser? Former)> FindOrCreateAsync()
        {
            for (var attempt = 0; attempt < MostAttempts; attempt++)
            {
                await ExecuteAsync("LockUser", new { userId });
                if (await connection.QuerySingleOrDefaultAsync<StoredUser>(Command("ReadUser", new { userId })) is { } found)
                    return (false, found);
                if (await connection.QuerySingleAsync<bool>(Command("CreateUser", ColumnsOf(userId, change))))
                    return (true, null);
                // Another request has created the user in between, and has committed that by now: it is there to be changed.
            }

            throw new TimeoutException("The user was created and deleted by others, again and again.");
        }

        // What waits is decided by the values that now hold, and only where they are others: a repeated request changes nothing.
        async Task<bool> FollowAsync(UserRow user, SchedulingContext before)
        {
            var budgets = (await connection.QueryAsync<BudgetRow>(Command("LoadBudgets", new { userIds = new[] { userId } }))).AsList();
            var (was, now) = (RuleValues.Of(before.User!, before.Budgets), RuleValues.Of(user, budgets));
            if (was == now || before.Waiting.Count == 0 && !now.HasOtherHoursThan(was))
                return false;

            if (now.HasOtherHoursThan(was))
                await MoveBestTimesAsync(recipients.Create(user, budgets), before);
            await ExecuteAsync("RedecideWaiting", new { userId, key = change.ChangedBy, before.Now });
            // Also what was due before: a dispatch that came by meanwhile has passed over a user in other hands.
            return true;
        }

        async Task MoveBestTimesAsync(Recipient recipient, SchedulingContext context)
        {
            var moved = context.Waiting.Where(m => m.BestAt is not null).ToList();
            if (moved.Count == 0)
                return;

            var hours = context.BestHours.Count > 0 ? context.BestHours : BestTime.LearnHours(context.Inbound, recipient.Zone);
            await ExecuteAsync("MoveBestTimes", new
            {
                ids = moved.ConvertAll(m => m.Id).ToArray(),
                bestTimes = moved.ConvertAll(m =>
                    BestTime.Choose(m.ToQueuedMessage(needsModel: false).EligibleAt, hours, recipient, settings.Rules)).ToArray(),
            });
        }

        Task<int> ExecuteAsync(string statement, object parameters) => connection.ExecuteAsync(Command(statement, parameters));

        CommandDefinition Command(string statement, object parameters) =>
            new(Sql.Query(statement), parameters, transaction, cancellationToken: cancellationToken);
    }

    /// <summary>Equal times mean no quiet hours, and that is for the caller to say: one that happens to equal the configured other one says nothing of the kind.</summary>
    private Problem? WrongWithQuietHours(UserChange change, UserRow user)
    {
        if ((!change.QuietHoursStart.IsGiven && !change.QuietHoursEnd.IsGiven) || change.QuietHoursEnabled.Value is false)
            return null;
        return (user.QuietHoursStart, user.QuietHoursEnd) switch
        {
            ({ } start, null) when start == settings.Rules.QuietHours.End => BothAre(start),
            (null, { } end) when end == settings.Rules.QuietHours.Start => BothAre(end),
            _ => null,
        };

        Problem BothAre(LocalTime time) => Problem.InvalidRequest(
            change.QuietHoursStart.IsGiven ? "quietHoursStart" : "quietHoursEnd",
            $"would make start and end equal, {time.ToString("HH:mm", CultureInfo.InvariantCulture)}, as one of them is the configured one, and leave no quiet hours: "
            + "give the other too, or, if none are wanted, quietHoursEnabled: false");
    }

    /// <summary>The columns that a new user gets, as texts that PostgreSQL reads by their types.</summary>
    private static object ColumnsOf(string userId, UserChange change)
    {
        (string Name, bool IsGiven, string? Value)[] columns =
        [
            ("phone_number", change.PhoneNumber.IsGiven, change.PhoneNumber.Value),
            ("first_name", change.FirstName.IsGiven, change.FirstName.Value),
            ("timezone", change.Timezone.IsGiven, change.Timezone.Value),
            ("quiet_hours_start", change.QuietHoursStart.IsGiven, TextOf(change.QuietHoursStart.Value)),
            ("quiet_hours_end", change.QuietHoursEnd.IsGiven, TextOf(change.QuietHoursEnd.Value)),
        ];
        var given = Array.FindAll(columns, c => c.IsGiven);
        return new { userId, columns = Array.ConvertAll(given, c => c.Name), values = Array.ConvertAll(given, c => c.Value) };

        static string? TextOf(LocalTime? time) => time?.ToString("HH:mm", CultureInfo.InvariantCulture);
    }

    private static object ParametersOf(string userId, UserChange change, Instant now) => new
    {
        userId,
        givesPhoneNumber = change.PhoneNumber.IsGiven,
        phoneNumber = change.PhoneNumber.Value,
        givesFirstName = change.FirstName.IsGiven,
        firstName = change.FirstName.Value,
        givesTimezone = change.Timezone.IsGiven,
        timezone = change.Timezone.Value,
        givesQuietHoursStart = change.QuietHoursStart.IsGiven,
        quietHoursStart = change.QuietHoursStart.Value,
        givesQuietHoursEnd = change.QuietHoursEnd.IsGiven,
        quietHoursEnd = change.QuietHoursEnd.Value,
        now,
    };

    private static object BudgetOf(string userId, UserChange change, LocalDate date, LocalDate formerDate) => new
    {
        userId,
        date,
        formerDate,
        givesDailyLimit = change.DailyLimit.IsGiven,
        dailyLimit = change.DailyLimit.Value,
        givesHourlyLimit = change.HourlyLimit.IsGiven,
        hourlyLimit = change.HourlyLimit.Value,
        givesQuietHoursEnabled = change.QuietHoursEnabled.IsGiven,
        quietHoursEnabled = change.QuietHoursEnabled.Value ?? true,
    };

    /// <summary>What of the request the database does not take, in the caller's words.</summary>
    private static async Task<Problem> ExplainAsync(
        NpgsqlConnection connection, string userId, UserChange change, PostgresException refusal, CancellationToken cancellationToken)
    {
        if (refusal.SqlState == PostgresErrorCodes.UniqueViolation && change.PhoneNumber.Value is not null)
            return Problem.PhoneNumberTaken();
        if (refusal.SqlState != PostgresErrorCodes.NotNullViolation)
            return Problem.UserRefused($"The users table of this database refuses them ({DatabaseErrors.Describe(refusal)}).");

        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(
            Sql.Batch("FindNeededColumns", "ReadUser"), new { userId }, cancellationToken: cancellationToken));
        var needed = (await results.ReadAsync<string>()).AsList();
        var exists = await results.ReadSingleOrDefaultAsync<StoredUser>() is not null;
        (string Column, string Field, bool IsGiven, bool IsNull)[] known =
        [
            ("phone_number", "phoneNumber", change.PhoneNumber.IsGiven, change.PhoneNumber.Value is null),
            ("first_name", "firstName", change.FirstName.IsGiven, change.FirstName.Value is null),
            ("timezone", "timezone", change.Timezone.IsGiven, change.Timezone.Value is null),
            ("quiet_hours_start", "quietHoursStart", change.QuietHoursStart.IsGiven, change.QuietHoursStart.Value is null),
            ("quiet_hours_end", "quietHoursEnd", change.QuietHoursEnd.IsGiven, change.QuietHoursEnd.Value is null),
        ];
        // With a default of its own a column is needed only where the request would clear it.
        if (refusal.ColumnName is { } refused && !needed.Contains(refused) && known.Any(k => k.Column == refused && k.IsGiven))
            needed.Add(refused);
        // A user who is there has all that the table needs, but for what the request would clear.
        var unknown = exists ? [] : needed.Except(known.Select(k => k.Column)).ToList();
        var faults = known.Where(k => needed.Contains(k.Column) && k.IsNull && (k.IsGiven || !exists))
            .ToDictionary(k => k.Field, _ => (string[])["is required by the users table of this database"]);
        if (unknown.Count == 0 && faults.Count > 0)
            return Problem.InvalidRequest(faults);

        var columns = unknown.Count > 0 ? string.Join(", ", unknown) : refusal.ColumnName;
        return Problem.UserRefused(
            $"The users table of this database takes no row without {columns}, of which this service knows nothing. "
            + "Create the user there; this service can then change it.") with
        { Errors = faults.Count > 0 ? faults : null };
    }

    /// <summary>Whatever goes wrong: all is stored, and the next dispatch takes what is due.</summary>
    private async Task DispatchAsync(string userId, CancellationToken cancellationToken)
    {
        sender.Set();
        try
        {
            await dispatcher.DispatchUserAsync(userId, cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.ChangeLeftToNextDispatch(logger, userId, DatabaseErrors.Describe(e));
        }
    }

    private void Report(string userId, UserChange change, Written written)
    {
        if (written.Created)
            Log.UserCreated(logger, userId);
        else
            Log.UserChanged(logger, userId);
        if (change.OptedOut is true && !written.WasOptedOut)
            Log.UserOptedOut(logger, userId, written.Cancelled);
        else if (change.OptedOut is false && written.WasOptedOut)
            Log.UserOptedIn(logger, userId);
    }

    /// <summary>What a transaction has done.</summary>
    private readonly record struct Written(bool Created, bool Redecided, bool WasOptedOut, int Cancelled);
}
