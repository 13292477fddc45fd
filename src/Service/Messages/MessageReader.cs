using Dapper;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Messages;

/// <summary>Tells where messages stand, and how they came there.</summary>
public sealed class MessageReader(NpgsqlDataSource database, IdFormat ids, Settings settings)
{
    /// <summary>One message and all that has happened to it; null: there is none.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    public async Task<MessageView?> FindAsync(Guid id, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var results = await connection.QueryMultipleAsync(new CommandDefinition(
            Sql.Batch("LoadMessage", "LoadTrail"), new { id }, cancellationToken: cancellationToken));
        if (await results.ReadSingleOrDefaultAsync<MessageRow>() is not { } row)
            return null;

        var message = MessageView.Of(row).With(await results.ReadAsync<TrailRow>());
        return message.Sms is { Status: "pending" } sms && WaitsFor(row) is { } code
            ? message with { Sms = sms with { Code = code, Reason = Reasons.SentenceOf(code), NextLookAt = null } }
            : message;
    }

    /// <summary>A page of messages, newest first, without what they say and what has happened to them.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach.</exception>
    public async Task<MessagePage> ListAsync(MessageFilter filter, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        var userId = filter.UserId is null ? null : (await ids.ReadAsync(connection, cancellationToken)).Normalize(filter.UserId);
        if (filter.UserId is not null && userId is null)
            return new MessagePage([], NextCursor: null);

        var rows = (await connection.QueryAsync<MessageRow>(new CommandDefinition(
            Sql.Query(userId is null ? "ListMessages" : "ListMessagesOfUser"),
            new
            {
                userId,
                filter.Status,
                filter.Topic,
                statuses = filter.Status is null ? MessageFilter.Statuses.ToArray() : [filter.Status],
                filter.After.At,
                after = filter.After.Id,
                // One more tells whether there is another page.
                limit = filter.Limit + 1,
            },
            cancellationToken: cancellationToken))).AsList();
        var page = rows.Take(filter.Limit).ToList();
        return new MessagePage(
            page.ConvertAll(MessageView.Of), rows.Count > filter.Limit ? new ListCursor(page[^1].ListedAt, page[^1].Id).ToString() : null);
    }

    /// <summary>Why nobody tries to send a message that was handed over, whatever else holds it back; null: somebody does, in its turn.</summary>
    private string? WaitsFor(MessageRow row) =>
        settings.Sms.Delivery == SmsDelivery.External || row.IsLeftToOthers ? Reasons.ExternalSender
        : row.SendingStoppedBy is not null ? Reasons.SendingStopped
        : null;
}

/// <summary>A page of a list.</summary>
/// <param name="Messages">Newest first.</param>
/// <param name="NextCursor">Where the next page begins; null: this is the last.</param>
public sealed record MessagePage(IReadOnlyList<MessageView> Messages, string? NextCursor);
