using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Http;

/// <summary>The answer for many messages: what each would be answered by itself, in their order.</summary>
internal static class BatchAnswer
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JsonResults.Options.Encoder, SkipValidation = true };

    /// <summary>The outcomes as an answer.</summary>
    public static IResult ToResult(IReadOnlyList<ScheduleOutcome> outcomes)
    {
        var buffer = new ArrayBufferWriter<byte>(256 * (1 + outcomes.Count));
        using (var json = new Utf8JsonWriter(buffer, Options))
        {
            json.WriteStartObject();
            json.WriteBoolean("success", true);
            json.WriteStartArray("results");
            foreach (var outcome in outcomes)
                Write(json, outcome);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Results.Text(buffer.WrittenSpan, "application/json");
    }

    private static void Write(Utf8JsonWriter json, ScheduleOutcome outcome)
    {
        switch (outcome)
        {
            // The first answer as it was kept, and one field more.
            case ScheduleOutcome.Answered { Replayed: true } answer:
                json.WriteRawValue($"{answer.Json.AsSpan(0, answer.Json.LastIndexOf('}'))},\"replayed\":true}}", skipInputValidation: true);
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
