using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Http;
using NodaTime;
using NodaTime.Serialization.SystemTextJson;

namespace Orchestrator.Service.Http;

/// <summary>How the service writes JSON: camelCase, times as RFC 3339 in UTC.</summary>
internal static class JsonResults
{
    public static JsonSerializerOptions Options { get; } =
        new JsonSerializerOptions(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.Never }
            .ConfigureForNodaTime(DateTimeZoneProviders.Tzdb);

    public static IResult Ok<T>(T body, int status = 200) => Results.Json(body, Options, statusCode: status);
}
