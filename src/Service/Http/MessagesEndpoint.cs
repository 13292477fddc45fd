using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Orchestrator.Service.Messages;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Http;

/// <summary><c>/messages</c> and <c>/messages/{id}</c>.</summary>
public sealed class MessagesEndpoint(Requests requests, MessageReader reader, MessageChanges changes, MessageCancellation cancellation)
{
    private const int MostListed = 200;

    private const int LongestText = 255;

    private static readonly QueryParameters Parameters = new("userId", "status", "topic", "cursor", "limit");

    /// <summary>Tells where one message stands, and how it came there.</summary>
    public Task<IResult> GetAsync(HttpRequest request, CancellationToken cancellationToken) => WithIdAsync(request, async (id, _) =>
        await reader.FindAsync(id, cancellationToken) is { } message ? Ok(message) : Problem.MessageNotFound(id.ToString()).ToResult());

    /// <summary>Lists messages, newest first.</summary>
    public Task<IResult> ListAsync(HttpRequest request, CancellationToken cancellationToken) => requests.HandleAsync(request, known: null, async _ =>
    {
        var faults = Parameters.FaultsOf(request.Query);
        var filter = ReadFilter(request.Query, faults);
        return faults.Count > 0 ? Problem.InvalidRequest(faults).ToResult() : Ok(await reader.ListAsync(filter, cancellationToken));
    });

    /// <summary>Changes a message that still waits.</summary>
    public Task<IResult> ChangeAsync(HttpRequest request, CancellationToken cancellationToken) => WithIdAsync(request, async (id, caller) =>
    {
        var (body, unreadable) = await JsonBody.ReadAsync(request, cancellationToken);
        if (unreadable is not null)
            return unreadable.ToResult();
        var (read, faults) = ChangeRequestReader.Read(body);
        if (read is null)
            return Problem.InvalidRequest(faults).ToResult();

        var (answer, problem) = await changes.ChangeAsync(id, read with { ChangedBy = caller.Name }, cancellationToken);
        return problem?.ToResult() ?? Ok(answer);
    });

    /// <summary>Cancels a message.</summary>
    public Task<IResult> CancelAsync(HttpRequest request, CancellationToken cancellationToken) => WithIdAsync(request, async (id, caller) =>
    {
        var (answer, problem) = await cancellation.CancelAsync(id, caller.Name, cancellationToken);
        return problem?.ToResult() ?? Ok(answer);
    });

    /// <summary>Takes the id from the path. Both hosts route with ASP.NET Core, so it stands in the route values on both.</summary>
    private Task<IResult> WithIdAsync(HttpRequest request, Func<Guid, Caller, Task<IResult>> handle) => requests.HandleAsync(request, QueryParameters.None, async caller =>
    {
        var text = request.RouteValues["id"] as string ?? "";
        return Guid.TryParseExact(text, "D", out var id) ? await handle(id, caller) : Problem.MessageNotFound(text).ToResult();
    });

    private static IResult Ok<T>(T body) => Results.Json(body, ScheduleAnswer.Json);

    private static MessageFilter ReadFilter(IQueryCollection query, SortedDictionary<string, string[]> faults)
    {
        var filter = new MessageFilter { UserId = Text("userId"), Status = Text("status"), Topic = Text("topic") };
        if (filter.Status is not null && !MessageFilter.Statuses.Contains(filter.Status))
            faults["status"] = [$"must be one of {string.Join(", ", MessageFilter.Statuses)}"];
        if (filter.Topic is not null && filter.UserId is null)
            faults.TryAdd("topic", ["needs a userId beside it: a topic is one user's"]);
        if (Text("limit") is { } limit)
        {
            if (int.TryParse(limit, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MostListed)
                filter = filter with { Limit = number };
            else
                faults["limit"] = [$"must be a whole number from 1 to {MostListed}"];
        }

        if (Text("cursor") is { } cursor)
        {
            if (ListCursor.Parse(cursor) is { } after)
                filter = filter with { After = after };
            else
                faults["cursor"] = ["must be the nextCursor of an earlier answer"];
        }

        return filter;

        string? Text(string name)
        {
            var values = query[name];
            if (values.Count == 0)
                return null;
            if (WrongIn(values) is not { } fault)
                return values[0];
            faults[name] = [fault];
            return null;
        }
    }

    private static string? WrongIn(StringValues values) =>
        values is not [{ } value] ? "must be given once"
        : string.IsNullOrWhiteSpace(value) ? "must not be empty"
        : value.Length > LongestText ? $"must not be longer than {LongestText} characters"
        // PostgreSQL's text holds every character but NUL; half a surrogate pair is none.
        : value.Contains('\0', StringComparison.Ordinal) || value.EnumerateRunes().Any(rune => rune == System.Text.Rune.ReplacementChar)
            ? "holds a character that cannot be stored"
        : null;
}
