using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using NodaTime;
using NodaTime.Serialization.SystemTextJson;

namespace Orchestrator.Service.Http;

/// <summary>How the service writes JSON: camelCase, times as RFC 3339 in UTC.</summary>
internal static class JsonResults
{
    public static JsonSerializerOptions Options { get; } =
        new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            // Answers are JSON alone, never part of a page, so an apostrophe may stay one.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        }
        .ConfigureForNodaTime(DateTimeZoneProviders.Tzdb);

    public static IResult Ok<T>(T body, int status = 200) => Results.Json(body, Options, statusCode: status);
}
