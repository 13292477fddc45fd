using Dapper;
using Microsoft.Extensions.Logging;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Sms;

/// <summary>Something that a person has written.</summary>
/// <param name="Sid">The provider's id; the same for the same message, however often it is told.</param>
/// <param name="From">The person's number, E.164.</param>
/// <param name="Body">The text; may be empty.</param>
/// <param name="Media">How many pictures and the like came with it.</param>
/// <param name="OptOutType"><c>STOP</c>, <c>START</c> or <c>HELP</c> where the provider has read it so itself; null or empty: it has not.</param>
public sealed record InboundMessage(string Sid, string From, string Body, int Media, string? OptOutType)
{
    /// <summary>What it says about being written to.</summary>
    public OptOutWish Wish => OptOutType?.ToUpperInvariant() switch
    {
        "STOP" => OptOutWish.Stop,
        "START" => OptOutWish.Start,
        _ => OptOutWords.Read(Body),
    };

    /// <summary>The text as it is stored: never empty, and without what a text column cannot hold.</summary>
    public string Content => Body.Replace("\0", "", StringComparison.Ordinal) is { Length: > 0 } text ? text
        : Media == 1 ? "[1 attachment]"
        : Media > 1 ? $"[{Media} attachments]"
        : "[empty message]";

    /// <summary>Without the text and the number.</summary>
    public override string ToString() => $"Inbound message {Sid}";
}

/// <summary>Takes what people write: it makes them active, and may opt them out or in again.</summary>
public sealed class InboundMessages(
    NpgsqlDataSource database, DatabaseClock clock, OptOuts optOuts, SendSignal signal, ILogger<InboundMessages> logger)
{
    /// <summary>Stores the message and heeds its wish, whole or not at all; once, however often it is told.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach; nothing is stored.</exception>
    public async Task ReceiveAsync(InboundMessage message, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        var userIds = (await connection.QueryAsync<string>(Command("FindPeople", new { number = message.From }))).AsList();
        if (userIds.Count == 0)
        {
            Log.InboundFromNobody(logger);
            return;
        }

        await OptOuts.LockAsync(connection, transaction, userIds, cancellationToken);
        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        var stored = await connection.QueryAsync<bool>(Command("StoreInbound", new
        {
            userId = userIds[0],
            number = message.From,
            newConversationId = Guid.CreateVersion7().ToString(),
            sid = message.Sid,
            content = message.Content,
            now,
        }));
        if (!stored.Any())
        {
            Log.InboundAgain(logger, userIds[0]);
            return;
        }

        // The number is opted out, not one of the users who may share it.
        var wish = message.Wish;
        var cancelled = 0;
        if (wish == OptOutWish.Stop)
            cancelled = await optOuts.OptOutAsync(connection, transaction, userIds, key: null, cancellationToken);
        else if (wish == OptOutWish.Start)
            await OptOuts.OptInAsync(connection, transaction, userIds, cancellationToken);
        if (wish != OptOutWish.Stop)
            await connection.ExecuteAsync(Command("WakeTurn", new { userId = userIds[0], now }));
        await transaction.CommitAsync(cancellationToken);
        signal.Set();

        Log.InboundStored(logger, userIds[0]);
        if (wish == OptOutWish.Stop)
            Log.UserOptedOut(logger, userIds[0], cancelled);
        else if (wish == OptOutWish.Start)
            Log.UserOptedIn(logger, userIds[0]);

        CommandDefinition Command(string statement, object parameters) =>
            new(Sql.Query(statement), parameters, transaction, cancellationToken: cancellationToken);
    }
}
