using Dapper;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.People;

/// <summary>Tells where users stand. Slots are found by planning a message of each lane as a request for one would be, and storing nothing.</summary>
public sealed class UserReports(NpgsqlDataSource database, DatabaseClock clock, IdFormat ids, Recipients recipients, Settings settings)
{
    /// <summary>The user's report; null where there is no such user.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    public async Task<UserReport?> ReadAsync(string id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        if ((await ids.ReadAsync(connection, cancellationToken)).Normalize(id) is not { } userId)
            return null;

        StoredUser? stored;
        Dictionary<string, int> counts;
        await using (var results = await connection.QueryMultipleAsync(new CommandDefinition(
            Sql.Batch("ReadUser", "CountWaiting"), new { userId }, cancellationToken: cancellationToken)))
        {
            stored = await results.ReadSingleOrDefaultAsync<StoredUser>();
            counts = (await results.ReadAsync<(string Lane, int Messages)>()).ToDictionary(row => row.Lane, row => row.Messages);
        }

        var context = await SchedulingContext.LoadAsync(connection, clock, Probe(userId), key: null, settings.Rules.BusyAbove, cancellationToken);
        if (stored is null || context.User is null)
            return null;

        var recipient = recipients.Create(context.User, context.Budgets);
        var standing = Standing.Of(recipient, settings.Rules, context.Now);
        return UserReport.Of(
            stored, context.Budgets.Count > 0 ? context.Budgets[0] : null, recipient, standing, context.Now,
            Lanes.Names.ToDictionary(lane => lane, lane => counts.GetValueOrDefault(lane)),
            Enum.GetValues<Lane>().ToDictionary(lane => lane.Name(), lane => SlotOf(lane, context, standing)));
    }

    /// <summary>A request for a message that would be sent as it is, of the lane that all others go before: what is read for it serves for all.</summary>
    internal static ScheduleRequest Probe(string userId, Lane lane = Lane.Low) =>
        new() { UserId = userId, AgentId = "", MessageData = "{}", HasContent = true, Lane = lane };

    private SlotReport SlotOf(Lane lane, SchedulingContext context, Standing standing)
    {
        var goBefore = context.Waiting.Where(m => (Lanes.Parse(m.Priority) ?? Lane.Medium) <= lane).ToList();
        var answer = MessagePlan.Make(Probe(context.User!.UserId, lane), context with { Waiting = goBefore }, recipients, settings).Answer;
        var isNever = !context.User.HasPhoneNumber || context.User.OptedOut
            || (standing.Day.Limit <= 0 && answer.Code == Hold.DailyLimit.Code())
            || (standing.Hour.Limit <= 0 && answer.Code == Hold.HourlyLimit.Code());
        return new SlotReport(isNever ? null : answer.ScheduledFor, answer.Code, answer.Reason);
    }
}
