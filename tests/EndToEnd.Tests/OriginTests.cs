using System.Net;
using System.Text;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>A page in somebody's browser reaches what its reader's machine reaches, by a name of its own if need be.</summary>
public sealed class OriginTests(RunningService service) : IClassFixture<RunningService>
{
    private const string ToolList = """{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}""";

    private static Task<HttpResponseMessage> GetAsync(EmbeddedHost host, string path, string? name, string? origin) => SendAsync(host, HttpMethod.Get, path, null, name, origin);

    private static async Task<HttpResponseMessage> SendAsync(
        EmbeddedHost host, HttpMethod method, string path, string? body, string? name, string? origin, string? key = null)
    {
        using var request = new HttpRequestMessage(method, path);
        request.Headers.Host = name;
        request.Headers.TryAddWithoutValidation("Accept", "application/json, text/event-stream");
        if (origin is not null)
            request.Headers.TryAddWithoutValidation("Origin", origin).ShouldBeTrue();
        if (key is not null)
            request.Headers.Add("x-functions-key", key);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await host.Client.SendAsync(request, TestContext.Current.CancellationToken);
    }

    [Theory]
    [InlineData("evil.example", null)]
    [InlineData("evil.example", "http://evil.example")]
    [InlineData("localhost.evil.example:8080", null)]
    [InlineData("192.168.1.5", null)]
    [InlineData("localhost", "http://evil.example")]
    [InlineData("localhost", "https://localhost.evil.example")]
    [InlineData("localhost", "null")]
    [InlineData("localhost", "localhost")]
    public async Task Without_keys_no_page_of_elsewhere_is_served_under_whatever_name_it_comes(string name, string? origin)
    {
        foreach (var (method, path) in ((HttpMethod, string)[])[
            (HttpMethod.Get, "messages"), (HttpMethod.Get, "users/nobody"), (HttpMethod.Get, "metrics"), (HttpMethod.Post, "process-queue"), (HttpMethod.Post, "mcp")])
        {
            var (status, problem, _) = await Json.ReadAsync(await SendAsync(service.Host, method, path, method == HttpMethod.Post ? ToolList : null, name, origin));

            (status, problem.Text("code")).ShouldBe((HttpStatusCode.Forbidden, "foreign_origin"), path);
            problem.Text("detail").ShouldNotBeNull().ShouldContain("ORCHESTRATOR_API_KEYS");
        }

        var (_, health, _) = await Json.ReadAsync(await GetAsync(service.Host, "health", name, origin));
        health.TryGetProperty("sms", out _).ShouldBeFalse();
    }

    [Theory]
    [InlineData("localhost", null)]
    [InlineData("LOCALHOST:1", "http://localhost:3000")]
    [InlineData("127.0.0.1:8080", "https://127.0.0.1")]
    [InlineData("[::1]", "http://[::1]:5173")]
    [InlineData("[::1]:8080", "http://localhost")]
    public async Task Without_keys_this_machine_and_its_pages_are_served_by_every_name_it_has(string name, string? origin)
    {
        (await GetAsync(service.Host, "messages", name, origin)).StatusCode.ShouldBe(HttpStatusCode.OK);
        (await SendAsync(service.Host, HttpMethod.Post, "mcp", ToolList, name, origin)).StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("Orchestrator__AllowAnonymous", "true")]
    [InlineData("Orchestrator__BindAddress", "0.0.0.0")]
    public async Task Where_the_operator_lets_anyone_call_any_name_will_do(string setting, string value)
    {
        await using var host = await EmbeddedHost.StartAsync([.. service.Settings, (setting, value)]);

        (await GetAsync(host, "messages", "orchestrator.example.com", "http://console.example.com")).StatusCode.ShouldBe(HttpStatusCode.OK);

        host.Output.ShouldContain("whoever reaches this port may call");
        host.Output.Contains("and on every other address of this machine", StringComparison.Ordinal).ShouldBe(value == "0.0.0.0");
    }

    [Fact]
    public async Task With_a_key_any_name_will_do_but_tools_are_not_served_to_a_page_of_another_host()
    {
        await using var host = await EmbeddedHost.StartAsync([.. service.Settings, ("ORCHESTRATOR_API_KEYS", "k1")]);

        (await SendAsync(host, HttpMethod.Get, "messages", null, "orchestrator.example.com", "http://console.example.com", "k1")).StatusCode.ShouldBe(HttpStatusCode.OK);
        foreach (var (origin, expected) in ((string?, HttpStatusCode)[])[
            (null, HttpStatusCode.OK), ("https://Orchestrator.example.com", HttpStatusCode.OK),
            ("https://evil.example", HttpStatusCode.Forbidden), ("http://localhost", HttpStatusCode.Forbidden), ("null", HttpStatusCode.Forbidden)])
        {
            (await SendAsync(host, HttpMethod.Post, "mcp", ToolList, "orchestrator.example.com", origin, "k1")).StatusCode.ShouldBe(expected, origin);
        }
    }
}
