using System.Net;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>What there is at a path, and by which methods.</summary>
public sealed class PathTests(RunningService service) : IClassFixture<RunningService>
{
    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        return await service.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("health", HttpStatusCode.OK)]
    [InlineData("metrics", HttpStatusCode.OK)]
    [InlineData("messages", HttpStatusCode.OK)]
    [InlineData("openapi.json", HttpStatusCode.OK)]
    [InlineData("docs", HttpStatusCode.OK)]
    [InlineData("users/nobody", HttpStatusCode.NotFound)]
    [InlineData("messages/00000000-0000-0000-0000-000000000000", HttpStatusCode.NotFound)]
    public async Task HEAD_is_answered_as_GET_without_the_body(string path, HttpStatusCode expected)
    {
        using var response = await SendAsync(HttpMethod.Head, path);

        response.StatusCode.ShouldBe(expected);
        response.Content.Headers.ContentType.ShouldNotBeNull();
        (await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).ShouldBeEmpty();
    }

    [Fact]
    public async Task An_unknown_path_is_named_and_a_wrong_method_told_the_right_ones()
    {
        var (missing, nowhere, _) = await Json.ReadAsync(await SendAsync(HttpMethod.Get, "api/health"));
        var (wrong, refused, _) = await Json.ReadAsync(await SendAsync(HttpMethod.Put, "messages/1"));

        (missing, nowhere.Text("detail")).ShouldBe((HttpStatusCode.NotFound, "There is no path '/api/health'; none begins with /api, and /docs shows all."));
        wrong.ShouldBe(HttpStatusCode.MethodNotAllowed);
        foreach (var method in (string[])["DELETE", "GET", "HEAD", "PATCH"])
            refused.Text("detail").ShouldNotBeNull().ShouldContain(method);
    }
}
