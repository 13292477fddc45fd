using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Http;

/// <summary>A refusal, as RFC 9457 <c>application/problem+json</c> with a stable <c>code</c>.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Code">The stable code.</param>
/// <param name="Title">What is wrong, in general.</param>
/// <param name="Detail">What is wrong with this request, and what to do; null: the title says it all.</param>
public sealed record Problem(int Status, string Code, string Title, string? Detail = null)
{
    /// <summary>The faults by field; null where the problem is not one of fields.</summary>
    public IReadOnlyDictionary<string, string[]>? Errors { get; init; }

    /// <summary>Where the message stands that the request came too late for; null: it is not about one.</summary>
    public object? Message { get; init; }

    /// <summary>Seconds after which it makes sense to try again; null: never, or not known.</summary>
    public int? RetryAfter { get; init; }

    /// <summary>The body is not JSON.</summary>
    public static Problem MalformedJson(string detail) => new(400, "malformed_json", "The body is not valid JSON.", detail);

    /// <summary>The server could not read the request.</summary>
    public static Problem BadRequest(int status, string detail) => new(status, "bad_request", "The request could not be read.", detail);

    /// <summary>The caller's connection ended before the body did.</summary>
    public static Problem BodyCutShort() => BadRequest(400, "The body was cut short.");

    /// <summary>Fields are missing, wrong or unknown.</summary>
    public static Problem InvalidRequest(IReadOnlyDictionary<string, string[]> errors) =>
        new(400, "invalid_request", "The request is not valid.", "See errors, by field.") { Errors = errors };

    /// <summary>One field is wrong.</summary>
    public static Problem InvalidRequest(string field, string fault) =>
        InvalidRequest(new Dictionary<string, string[]> { [field] = [fault] });

    /// <summary>No such user.</summary>
    public static Problem UserNotFound(string userId) => new(404, "user_not_found", "There is no such user.", $"No user has the id '{userId}'.");

    /// <summary>No such conversation of that user.</summary>
    public static Problem ConversationNotFound(string conversationId) => new(
        404, "conversation_not_found", "There is no such conversation.", $"The user has no conversation with the id '{conversationId}'.");

    /// <summary>No such message.</summary>
    public static Problem MessageNotFound(string id) => new(404, "message_not_found", "There is no such message.", $"No message has the id '{id}'.");

    /// <summary>The message has left the queue.</summary>
    public static Problem MessageNotChangeable(string status, object message) => new(
        409, "message_not_changeable", "It is too late to change the message.", $"It is not waiting any more: its status is '{status}'. See message.")
    { Message = message };

    /// <summary>The message has ended, or a request for its SMS has gone out.</summary>
    public static Problem MessageNotCancellable(string status, object message) => new(
        409, "message_not_cancellable", "It is too late to cancel the message.", $"Its status is '{status}'. See message.")
    { Message = message };

    /// <summary>No path of that name.</summary>
    public static Problem NotFound(string detail) => new(404, "not_found", "There is nothing at this path.", detail);

    /// <summary>The path exists, the method does not.</summary>
    /// <param name="methods">What the path takes.</param>
    public static Problem MethodNotAllowed(string methods) => new(405, "method_not_allowed", "This path does not take this method.", $"It takes {methods}.");

    /// <summary>The body is larger than the service takes.</summary>
    public static Problem BodyTooLarge(int most) => new(413, "body_too_large", "The body is too large.", $"At most {most} bytes are taken.");

    /// <summary>The body is not declared as what is taken here.</summary>
    public static Problem UnsupportedMediaType(string type = "application/json") => new(
        415, "unsupported_media_type", "The content type is not supported.", $"Send the body as {type}.");

    /// <summary>The body is declared as compressed.</summary>
    public static Problem UnsupportedEncoding(string encoding) => new(
        415, "unsupported_media_type", "The content encoding is not supported.", $"Send the body as it is, without Content-Encoding: {encoding}.");

    /// <summary>The body is not a form.</summary>
    public static Problem MalformedForm() => new(400, "malformed_form", "The body is not a valid form.");

    /// <summary>A webhook that its provider has not signed.</summary>
    public static Problem InvalidSignature(string detail) => new(403, "invalid_signature", "The request is not signed by the SMS provider.", detail);

    /// <summary>No key, or a wrong one.</summary>
    /// <param name="isNone">Whether there is none.</param>
    public static Problem Unauthorized(bool isNone = true) => isNone
        ? new(401, "unauthorized", "An API key is needed.", "Send it as 'Authorization: Bearer <key>' or 'x-functions-key: <key>'.")
        : new(401, "unauthorized", "The API key is not known.", "Send one of ORCHESTRATOR_API_KEYS; where it is name:key there, send the key alone.");

    /// <summary>A page of elsewhere makes the request, in somebody's browser.</summary>
    public static Problem ForeignOrigin(string detail) => new(403, "foreign_origin", "Requests from elsewhere are not taken.", detail);

    /// <summary>Another user has the number, and the table of users takes each but once.</summary>
    public static Problem PhoneNumberTaken() => new(
        409, "phone_number_taken", "Another user has this phone number.", "The users table of this database takes each number once.")
    { Errors = new Dictionary<string, string[]> { ["phoneNumber"] = ["is another user's"] } };

    /// <summary>The table of users, which is not this service's own, does not take the row.</summary>
    public static Problem UserRefused(string detail) => new(422, "user_refused", "The users table does not take these values.", detail);

    /// <summary>The key has made all the requests that it may for now.</summary>
    public static Problem TooManyRequests(int retryAfter) => new(
        429, "too_many_requests", "This key has made too many requests.", "Wait for as long as Retry-After says.")
    { RetryAfter = retryAfter };

    /// <summary>The key already stands for another request.</summary>
    public static Problem IdempotencyKeyReused() => new(
        422, "idempotency_key_reused", "The idempotency key was used for another request.", "Use a new key for a new request.");

    /// <summary>The first request with the key has not been answered yet.</summary>
    public static Problem IdempotencyKeyRunning() => new(
        409, "idempotency_key_running", "The first request with this idempotency key is still running.", "Ask again in a moment.")
    { RetryAfter = 1 };

    /// <summary>The message does not fit what has arrived of its sequence.</summary>
    public static Problem SequenceConflict(string field, string fault) => new(
        422, "sequence_conflict", "The sequence does not take this message.", "See errors, by field.")
    { Errors = new Dictionary<string, string[]> { [field] = [fault] } };

    /// <summary>The message needs a model, and none is configured.</summary>
    public static Problem ModelNotConfigured() => new(
        422, "model_not_configured", "The message cannot be written.",
        "messageData has no content string, and no model is configured that could write one. Send messageData.content, or set ANTHROPIC_API_KEY.");

    /// <summary>The database is out of reach.</summary>
    /// <param name="schedules">Whether the request would have queued something.</param>
    public static Problem DatabaseUnavailable(bool schedules = false) => new(
        503, "database_unavailable", "The database is out of reach.",
        schedules ? "Try again; with an Idempotency-Key nothing is stored twice." : "Try again as soon as Retry-After says; the request may be repeated as it is.")
    { RetryAfter = 5 };

    /// <summary>A fault of the service's own.</summary>
    public static Problem Internal() => new(500, "internal_error", "The service failed.", "The fault is in the service's log.");

    /// <summary>The problem as an answer.</summary>
    public IResult ToResult()
    {
        var details = new ProblemDetails { Status = Status, Title = Title, Detail = Detail, Type = $"/docs/errors#{Code}" };
        details.Extensions["code"] = Code;
        if (Errors is not null)
            details.Extensions["errors"] = Errors;
        if (Message is not null)
            details.Extensions["message"] = JsonSerializer.SerializeToElement(Message, ScheduleAnswer.Json);
        var result = Results.Json(details, JsonResults.Options, contentType: "application/problem+json", statusCode: Status);
        return RetryAfter is { } seconds ? new WithHeader(result, "Retry-After", seconds.ToString(System.Globalization.CultureInfo.InvariantCulture))
            : Status == 401 ? new WithHeader(result, "WWW-Authenticate", "Bearer")
            : result;
    }
}
