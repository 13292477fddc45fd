using System.Net;
using System.Text;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>What stands behind the question mark.</summary>
public sealed class QueryTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task A_dry_run_that_is_misspelt_sends_nothing_and_says_so()
    {
        await service.AddUserAsync("query_ann");

        var (status, problem, _) = await service.Client.PostAsync(
            "schedule-message?dry_run=true&dryRun=true", """{"userId": "query_ann", "agentId": "a", "messageData": {"content": "Hi"}}""");

        (status, problem.Text("code")).ShouldBe((HttpStatusCode.BadRequest, "invalid_request"));
        problem.GetProperty("errors").GetProperty("dry_run")[0].GetString().ShouldBe("is not a known parameter");
        (await service.SingleAsync<int>("SELECT count(*)::int FROM message_queue WHERE user_id = 'query_ann'")).ShouldBe(0);
    }

    [Theory]
    [InlineData("POST", "schedule-message")]
    [InlineData("POST", "schedule-messages")]
    [InlineData("GET", "messages")]
    [InlineData("GET", "messages/00000000-0000-0000-0000-000000000000")]
    [InlineData("PATCH", "messages/00000000-0000-0000-0000-000000000000")]
    [InlineData("DELETE", "messages/00000000-0000-0000-0000-000000000000")]
    [InlineData("GET", "users/nobody")]
    [InlineData("PUT", "users/query_bob")]
    [InlineData("POST", "process-queue")]
    [InlineData("POST", "mcp")]
    public async Task A_parameter_that_means_nothing_is_refused(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), $"{path}?colour=red");
        if (method is "POST" or "PUT" or "PATCH")
            request.Content = new StringContent("{}", Encoding.UTF8, "application/json");

        var (status, problem, _) = await Json.ReadAsync(await service.Client.SendAsync(request, TestContext.Current.CancellationToken));

        (status, problem.Text("code")).ShouldBe((HttpStatusCode.BadRequest, "invalid_request"));
        problem.GetProperty("errors").TryGetProperty("colour", out _).ShouldBeTrue();
    }

    [Theory]
    [InlineData("health")]
    [InlineData("metrics")]
    [InlineData("docs")]
    [InlineData("openapi.json")]
    public async Task What_is_looked_at_by_monitoring_and_browsers_bears_their_parameters(string path)
    {
        using var response = await service.Client.GetAsync(new Uri($"{path}?_=1764345600", UriKind.Relative), TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(HttpStatusCode.OK);
    }
}
