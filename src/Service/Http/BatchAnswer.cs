using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Http;

/// <summary>
/// The answer for many messages: what each would be answered by itself, in their order. It is written into the connection's own memory: put
/// together before, it would be as large as the request.
/// </summary>
internal sealed class BatchAnswer(IReadOnlyList<ScheduleOutcome> outcomes) : IResult
{
    /// <summary>How many outcomes are written before what there is of them is sent.</summary>
    private const int AtOnce = 100;

    private static readonly JsonWriterOptions Options = new() { Encoder = JsonResults.Options.Encoder, SkipValidation = true };

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.ContentType = "application/json";
        await using var json = new Utf8JsonWriter(response.BodyWriter, Options);
        json.WriteStartObject();
        json.WriteBoolean("success", true);
        json.WriteStartArray("results");
        foreach (var some in outcomes.Chunk(AtOnce))
        {
            foreach (var outcome in some)
                Write(json, outcome);
            await SendAsync();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        await SendAsync();

        // Nothing is thrown where the caller has left: everything is stored, and nobody is there to be told.
        async Task SendAsync()
        {
            json.Flush();
            await response.BodyWriter.FlushAsync(CancellationToken.None);
        }
    }

    /// <summary>The first answer as it was kept, and one field more.</summary>
    public static string WithReplayed(string answer) => $"{answer.AsSpan(0, answer.LastIndexOf('}'))},\"replayed\":true}}";

    private static void Write(Utf8JsonWriter json, ScheduleOutcome outcome)
    {
        switch (outcome)
        {
            case ScheduleOutcome.Answered { Replayed: true } answer:
                json.WriteRawValue(WithReplayed(answer.Json), skipInputValidation: true);
                break;
            case ScheduleOutcome.Answered answer:
                json.WriteRawValue(answer.Json, skipInputValidation: true);
                break;
            case ScheduleOutcome.Refused { Problem: var problem }:
                Write(json, problem);
                break;
            default:
                throw new InvalidOperationException($"Unknown outcome {outcome}.");
        }
    }

    private static void Write(Utf8JsonWriter json, Problem problem)
    {
        json.WriteStartObject();
        json.WriteBoolean("success", false);
        json.WriteNumber("status", problem.Status);
        json.WriteString("code", problem.Code);
        json.WriteString("title", problem.Title);
        if (problem.Detail is not null)
            json.WriteString("detail", problem.Detail);
        if (problem.Errors is not null)
        {
            json.WritePropertyName("errors");
            JsonSerializer.Serialize(json, problem.Errors, JsonResults.Options);
        }

        if (problem.RetryAfter is { } seconds)
            json.WriteNumber("retryAfter", seconds);
        json.WriteEndObject();
    }
}
