using System.Net;
using System.Text;
using System.Text.Json;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>Requests and answers in JSON, as they stand on the wire.</summary>
internal static class Json
{
    public static async Task<(HttpStatusCode Status, JsonElement Body, HttpResponseMessage Response)> PostAsync(
        this HttpClient client, string path, string body, params IEnumerable<(string Name, string Value)> headers)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        foreach (var (name, value) in headers)
            request.Headers.TryAddWithoutValidation(name, value).ShouldBeTrue();
        return await ReadAsync(await client.SendAsync(request, TestContext.Current.CancellationToken));
    }

    public static async Task<(HttpStatusCode Status, JsonElement Body, HttpResponseMessage Response)> GetJsonAsync(this HttpClient client, string path) =>
        await ReadAsync(await client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken));

    public static async Task<(HttpStatusCode Status, JsonElement Body, HttpResponseMessage Response)> ReadAsync(HttpResponseMessage response)
    {
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return (response.StatusCode, JsonDocument.Parse(text).RootElement, response);
    }

    /// <summary>A field that must be a string; a problem, which has none such, is shown whole.</summary>
    public static string? Text(this JsonElement element, string field) => element.GetProperty(field) is { ValueKind: JsonValueKind.String or JsonValueKind.Null } text
        ? text.GetString()
        : throw new ShouldAssertException($"{field} is no string: {element}");
}
