using System.Net;
using System.Text;

namespace Orchestrator.EndToEnd.Tests;

public sealed class UserTests(RunningService service) : IClassFixture<RunningService>
{
    private readonly HttpClient _client = service.Client;

    private async Task<(HttpStatusCode Status, System.Text.Json.JsonElement Body, HttpResponseMessage Response)> PutAsync(
        string id, string body, HttpClient? client = null)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        return await Json.ReadAsync(await (client ?? _client).PutAsync(new Uri($"users/{id}", UriKind.Relative), content, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_user_is_created_with_201_and_a_location_and_changed_with_200()
    {
        var (status, created, response) = await PutAsync("user_new",
            """{"phoneNumber": "+1 (212) 555-0123", "firstName": "Ann", "timezone": "US/Eastern", "quietHoursStart": "23:00", "hourlyLimit": 3}""");

        status.ShouldBe(HttpStatusCode.Created);
        response.Headers.Location!.ToString().ShouldBe("/users/user_new");
        (created.Text("id"), created.Text("phoneNumber"), created.Text("timezone")).ShouldBe(("user_new", "+12125550123", "America/New_York"));

        var (changed, answer, _) = await PutAsync("user_new", """{"firstName": null, "dailyLimit": 7}""");
        changed.ShouldBe(HttpStatusCode.OK);
        (answer.Text("firstName"), answer.Text("phoneNumber"), answer.GetProperty("hourlyLimit").GetInt32(), answer.GetProperty("dailyLimit").GetInt32())
            .ShouldBe((null, "+12125550123", 3, 7));

        var (found, user, _) = await _client.GetJsonAsync("users/user_new");
        found.ShouldBe(HttpStatusCode.OK);
        user.GetProperty("budget").GetProperty("hour").GetProperty("left").GetInt32().ShouldBe(3);
        user.GetProperty("budget").GetProperty("day").GetProperty("used").GetInt32().ShouldBe(0);
        (user.GetProperty("active").GetBoolean(), user.Text("activeUntil"), user.Text("cooldownUntil")).ShouldBe((false, null, null));
        user.GetProperty("quietHours").Text("timezone").ShouldBe("America/New_York");
        user.GetProperty("waiting").EnumerateObject().Select(lane => (lane.Name, lane.Value.GetInt32()))
            .ShouldBe([("urgent", 0), ("high", 0), ("medium", 0), ("low", 0)]);
        user.GetProperty("nextFreeSlot").EnumerateObject().Select(lane => lane.Name).ShouldBe(["urgent", "high", "medium", "low"]);
    }

    [Fact]
    public async Task A_message_can_be_scheduled_for_a_user_created_so_and_its_delivery_is_counted()
    {
        await PutAsync("user_counted", """{"phoneNumber": "+12125550123", "timezone": "America/New_York", "hourlyLimit": 1, "quietHoursEnabled": false}""");
        await _client.PostAsync("schedule-message",
            """{"userId": "user_counted", "agentId": "a", "messageData": {"content": "Hi"}, "priority": "urgent"}""");

        var (_, user, _) = await _client.GetJsonAsync("users/user_counted");

        var hour = user.GetProperty("budget").GetProperty("hour");
        (hour.GetProperty("used").GetInt32(), hour.GetProperty("left").GetInt32()).ShouldBe((1, 0));
        var freesAt = hour.GetProperty("freesAt").GetDateTimeOffset();
        freesAt.ShouldBe(user.GetProperty("at").GetDateTimeOffset().AddHours(1), TimeSpan.FromMinutes(1));
        var slot = user.GetProperty("nextFreeSlot").GetProperty("urgent");
        slot.GetProperty("at").GetDateTimeOffset().ShouldBe(freesAt);
        slot.Text("code").ShouldBe("hourly_limit_reached");
    }

    [Fact]
    public async Task Every_fault_is_named_at_once_and_nothing_is_stored()
    {
        var (status, problem, _) = await PutAsync("user_faulty",
            """
            {"phoneNumber": "555", "firstName": 5, "timezone": "Mars", "quietHoursStart": "25:00", "quietHoursEnd": "8", "quietHoursEnabled": 1,
             "hourlyLimit": -1, "dailyLimit": "many", "optedOut": null, "colour": "red"}
            """);

        status.ShouldBe(HttpStatusCode.BadRequest);
        problem.Text("code").ShouldBe("invalid_request");
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldBe(
            ["colour", "dailyLimit", "firstName", "hourlyLimit", "optedOut", "phoneNumber", "quietHoursEnabled", "quietHoursEnd", "quietHoursStart", "timezone"]);
        (await _client.GetJsonAsync("users/user_faulty")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Bodies_that_are_no_object_are_refused_as_everywhere()
    {
        (await PutAsync("u", "[]")).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await PutAsync("u", "")).Body.Text("code").ShouldBe("malformed_json");
        (await PutAsync("u", $$"""{"firstName": "{{new string('x', 300_000)}}"}""")).Status.ShouldBe(HttpStatusCode.RequestEntityTooLarge);
        using var text = new StringContent("{}", Encoding.UTF8, "text/plain");
        (await _client.PutAsync(new Uri("users/u", UriKind.Relative), text, TestContext.Current.CancellationToken))
            .StatusCode.ShouldBe(HttpStatusCode.UnsupportedMediaType);
    }

    [Fact]
    public async Task An_unknown_user_is_404_whatever_the_id()
    {
        foreach (var id in (string[])["nobody", "%20", new string('x', 300), "%27%3B%20DROP", "%F0%9F%98%80"])
        {
            var (status, problem, _) = await _client.GetJsonAsync($"users/{id}");
            status.ShouldBe(HttpStatusCode.NotFound, id);
            problem.Text("code").ShouldBe("user_not_found");
        }

        (await PutAsync(new string('x', 256), "{}")).Status.ShouldBe(HttpStatusCode.BadRequest);
        (await PutAsync("%20", "{}")).Body.GetProperty("errors").TryGetProperty("id", out _).ShouldBeTrue();
    }

    [Fact]
    public async Task Ids_of_any_characters_come_back_as_they_were_sent()
    {
        foreach (var id in (string[])["a/b", "a b", "ü+1", "a?b#c", "100%"])
        {
            var (status, user, response) = await PutAsync(Uri.EscapeDataString(id), "{}");
            status.ShouldBe(HttpStatusCode.Created, id);
            user.Text("id").ShouldBe(id);
            response.Headers.Location!.ToString().ShouldBe($"/users/{Uri.EscapeDataString(id)}");
            (await _client.GetJsonAsync($"users/{Uri.EscapeDataString(id)}")).Body.Text("id").ShouldBe(id);
        }
    }

    [Fact]
    public async Task Other_methods_are_405()
    {
        using var response = await _client.DeleteAsync(new Uri("users/u", UriKind.Relative), TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(HttpStatusCode.MethodNotAllowed);
        response.Content.Headers.Allow.Order().ShouldBe(["GET", "HEAD", "PUT"]);
    }

    [Fact]
    public async Task Numbers_are_never_logged()
    {
        await PutAsync("user_private", """{"phoneNumber": "+12025550177", "firstName": "Most-Private"}""");
        await Eventually.HoldsAsync(() => Task.FromResult(service.Host.Output.Contains("User user_private created", StringComparison.Ordinal)), "the creation is logged");

        service.Host.Output.ShouldNotContain("2025550177");
        service.Host.Output.ShouldNotContain("Most-Private");
    }
}
