using System.Reflection;
using Dapper;
using Npgsql;
using Orchestrator.Chaos.Tests.Load;

namespace Orchestrator.Chaos.Tests.Checking;

/// <summary>
/// Finds promises that were not kept. It knows the tables, what callers were told and what the provider took, and none of the service's code:
/// each promise is a query of its own, written from the specification, that finds what must not be there.
/// </summary>
/// <param name="connection">A session of the database, which keeps the evidence in temporary tables.</param>
public sealed class Checker(NpgsqlConnection connection)
{
    private const int MostOfOneKind = 10;

    private const string NothingIsStuck = nameof(NothingIsStuck);

    private static readonly Dictionary<string, string> Queries = Assembly.GetExecutingAssembly().GetManifestResourceNames()
        .Where(name => name.StartsWith("promises/", StringComparison.Ordinal))
        .ToDictionary(name => Path.GetFileNameWithoutExtension(name), Read);

    /// <summary>The names of all promises.</summary>
    public static IReadOnlyCollection<string> Promises => Queries.Keys;

    /// <summary>Makes room for the evidence. Once a session.</summary>
    public Task PrepareAsync() => connection.ExecuteAsync(Read("Evidence.sql"));

    /// <summary>Lays the evidence out, in place of what was there.</summary>
    public async Task TakeAsync(Ledger ledger, IReadOnlyCollection<TakenSms> taken)
    {
        await connection.ExecuteAsync("TRUNCATE ordered, answered, taken, reported, opted_out, odd_answers");
        await InsertAsync("ordered", ledger.Orders, order =>
        [
            order.Reference, order.UserId, order.Key, TextsOf(order), order.MayBeReworded, order.NotBefore, order.ExpiresAt, order.Topic, order.Sequence,
            order.Place, order.IsCancelled,
        ]);
        await InsertAsync("answered", [.. ledger.Orders.SelectMany(order => order.Ids.Select(id => (order.Reference, id)))], a => [a.Reference, a.id]);
        await InsertAsync("taken", taken, sms => [sms.Sid, sms.MessageId, sms.Recipient, sms.Body, sms.At, sms.Seconds]);
        await InsertAsync("reported", [.. ledger.Reports.Distinct()], r => [r.MessageId, r.Status]);
        await InsertAsync("opted_out", ledger.OptOuts, o => [o.UserId, o.At]);
        await InsertAsync("odd_answers", ledger.OddAnswers, answer => [answer]);
        await connection.ExecuteAsync("ANALYZE ordered, answered, taken, message_queue, messages, agent_actions_log");
    }

    /// <summary>Looks for breaches of every promise.</summary>
    /// <param name="now">The time for which it is asked whether anything is stuck.</param>
    public async Task<IReadOnlyList<Breach>> FindAllAsync(DateTime now)
    {
        var breaches = new List<Breach>();
        foreach (var promise in Queries.Keys.Order(StringComparer.Ordinal))
            breaches.AddRange(await FindAsync(promise, now));
        return breaches;
    }

    /// <summary>Looks for what is stuck.</summary>
    public Task<IReadOnlyList<Breach>> FindStuckAsync(DateTime now) => FindAsync(NothingIsStuck, now);

    /// <summary>The database's time, which is that of every row.</summary>
    public Task<DateTime> ReadClockAsync() => connection.QuerySingleAsync<DateTime>("SELECT clock_timestamp()");

    private async Task<IReadOnlyList<Breach>> FindAsync(string promise, DateTime now)
    {
        var found = await connection.QueryAsync<string>(new CommandDefinition(
            Queries[promise], promise == NothingIsStuck ? new { now } : null, commandTimeout: 300));
        return [.. found.Take(MostOfOneKind).Select(what => new Breach(promise, what))];
    }

    /// <summary>The texts that a message may have; none where a model writes it.</summary>
    private static string[] TextsOf(Order order) => order switch
    {
        { Text: null } => [],
        { ChangedText: { } changed, IsChanged: true } => [changed],
        { ChangedText: { } changed } => [order.Text, changed],
        _ => [order.Text],
    };

    private async Task InsertAsync<T>(string table, IEnumerable<T> rows, Func<T, object?[]> columns)
    {
        await using var import = await connection.BeginBinaryImportAsync($"COPY {table} FROM STDIN (FORMAT binary)");
        foreach (var row in rows)
            await import.WriteRowAsync(CancellationToken.None, columns(row)!);
        await import.CompleteAsync();
    }

    private static string Read(string resource)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(resource)!);
        return reader.ReadToEnd();
    }
}
