using System.Net;
using System.Text;
using System.Text.Json;

namespace Orchestrator.EndToEnd.Tests;

public sealed class MessagesTests(RunningService service) : IClassFixture<RunningService>
{
    private readonly HttpClient _client = service.Client;

    private async Task<string> NewUserAsync()
    {
        var id = $"user_{Guid.NewGuid():N}";
        await service.AddUserAsync(id);
        return id;
    }

    private async Task<Guid> ScheduleAsync(string userId, string more = "")
    {
        var (status, answer, _) = await _client.PostAsync("schedule-message",
            $$"""{"userId": "{{userId}}", "agentId": "concierge_agent_456", "messageData": {"content": "Hi", "n": 12345678901234567890123}{{more}}}""");
        status.ShouldBe(HttpStatusCode.OK);
        return answer.GetProperty("messageId").GetGuid();
    }

    private async Task<(HttpStatusCode Status, JsonElement Body, HttpResponseMessage Response)> SendAsync(string method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        return await Json.ReadAsync(await _client.SendAsync(request, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_message_is_seen_changed_and_cancelled()
    {
        var user = await NewUserAsync();
        var id = await ScheduleAsync(user, """, "scheduledFor": "2150-01-01T00:00:00Z", "topic": "match", "sequence": {"id": "s", "position": 1, "total": 1}""");

        var (_, seen, _) = await _client.GetJsonAsync($"messages/{id}");
        seen.GetProperty("id").GetGuid().ShouldBe(id);
        (seen.Text("userId"), seen.Text("agentId"), seen.Text("priority"), seen.Text("status"), seen.Text("code"), seen.Text("topic"))
            .ShouldBe((user, "concierge_agent_456", "medium", "queued", "not_before", "match"));
        (seen.Text("scheduledFor"), seen.Text("notBefore")).ShouldBe(("2150-01-01T00:00:00Z", "2150-01-01T00:00:00Z"));
        seen.GetProperty("messageData").GetProperty("n").GetRawText().ShouldBe("12345678901234567890123");
        seen.GetProperty("sequence").GetRawText().ShouldBe("""{"id":"s","position":1,"total":1}""");
        seen.TryGetProperty("sms", out _).ShouldBeFalse();
        seen.GetProperty("trail").EnumerateArray().Select(e => e.Text("event")).ShouldBe(["message_queued", "message_deferred"]);

        var (status, answer, _) = await SendAsync("PATCH", $"messages/{id}", """{"scheduledFor": null, "priority": "high", "expiresAt": "2160-01-01T00:00:00Z"}""");
        status.ShouldBe(HttpStatusCode.OK);
        answer.GetProperty("messageId").GetGuid().ShouldBe(id);
        answer.Text("status").ShouldBe("queued");
        answer.TryGetProperty("code", out _).ShouldBeFalse();
        (_, seen, _) = await _client.GetJsonAsync($"messages/{id}");
        seen.TryGetProperty("notBefore", out _).ShouldBeFalse();
        seen.Text("expiresAt").ShouldBe("2160-01-01T00:00:00Z");
        var change = seen.GetProperty("trail")[2];
        (change.Text("event"), change.GetProperty("fields").GetRawText(), change.Text("reason"))
            .ShouldBe(("message_changed", """["scheduledFor","priority","expiresAt"]""", "The caller has changed scheduledFor, priority, expiresAt."));

        var (first, cancelled, _) = await SendAsync("DELETE", $"messages/{id}");
        var (again, same, _) = await SendAsync("DELETE", $"messages/{id}");
        (first, again).ShouldBe((HttpStatusCode.OK, HttpStatusCode.OK));
        (cancelled.Text("status"), cancelled.Text("code"), cancelled.GetProperty("messageId").GetGuid()).ShouldBe(("cancelled", "cancelled_by_caller", id));
        same.GetRawText().ShouldBe(cancelled.GetRawText());

        var (late, problem, response) = await SendAsync("PATCH", $"messages/{id}", """{"priority": "low"}""");
        late.ShouldBe(HttpStatusCode.Conflict);
        response.Content.Headers.ContentType!.MediaType.ShouldBe("application/problem+json");
        (problem.Text("code"), problem.GetProperty("message").Text("status"), problem.GetProperty("status").GetInt32())
            .ShouldBe(("message_not_changeable", "cancelled", 409));
    }

    [Fact]
    public async Task After_the_hand_over_the_SMS_is_told_of_and_once_it_is_under_way_it_is_too_late()
    {
        var id = await ScheduleAsync(await NewUserAsync(), """, "priority": "urgent" """);

        var (_, seen, _) = await _client.GetJsonAsync($"messages/{id}");
        (seen.Text("status"), seen.GetProperty("sms").Text("status"), seen.GetProperty("sms").Text("code")).ShouldBe(("sent", "pending", "external_sender"));
        await service.ExecuteAsync("UPDATE messages SET status = 'sending' WHERE id = @id", new { id });
        var (status, problem, _) = await SendAsync("DELETE", $"messages/{id}");

        status.ShouldBe(HttpStatusCode.Conflict);
        (problem.Text("code"), problem.GetProperty("message").GetProperty("sms").Text("status")).ShouldBe(("message_not_cancellable", "sending"));
    }

    [Theory]
    [InlineData("messages/00000000-0000-0000-0000-000000000000")]
    [InlineData("messages/nonsense")]
    [InlineData("messages/%27%3B--")]
    [InlineData("messages/{00000000-0000-0000-0000-000000000000}")]
    public async Task What_is_no_messages_id_is_not_found(string path)
    {
        foreach (var method in (string[])["GET", "PATCH", "DELETE"])
        {
            var (status, problem, _) = await SendAsync(method, path, method == "PATCH" ? """{"priority": "low"}""" : null);
            (status, problem.Text("code")).ShouldBe((HttpStatusCode.NotFound, "message_not_found"), $"{method} {path}");
        }
    }

    [Theory]
    [InlineData("messages/%00", HttpStatusCode.BadRequest)]
    [InlineData("messages/%FF", HttpStatusCode.NotFound)]
    [InlineData("messages?userId=a%FFb", HttpStatusCode.OK)]
    public async Task What_is_no_text_in_an_address_is_never_the_services_fault(string path, HttpStatusCode expected)
    {
        // The server itself refuses NUL in a path, without a body; what is no UTF-8 stays as it was written, and is nobody's id.
        using var response = await _client.GetAsync(new Uri(path, UriKind.Relative), TestContext.Current.CancellationToken);

        response.StatusCode.ShouldBe(expected);
    }

    [Theory]
    [InlineData("{}", "$")]
    [InlineData("""{"priority": null}""", "$")]
    [InlineData("""{"priority": "best", "scheduledFor": 5, "colour": 1, "messageData": "x"}""", "colour messageData priority scheduledFor")]
    [InlineData("""{"expiresAt": "2001-01-01T00:00:00Z"}""", "expiresAt")]
    [InlineData("""{"expiresAt": "2100-01-01T00:00:00Z", "scheduledFor": "2100-01-01T00:00:00Z"}""", "expiresAt")]
    [InlineData("""{"messageData": {"content": " "}}""", "messageData.content")]
    [InlineData("""{"messageData": {"content": "x", "n": 1e999999}}""", "messageData")]
    [InlineData("""{"userId": "somebody_else"}""", "userId")]
    [InlineData("""{"canDelay": "yes", "requiresFreshContext": 1}""", "canDelay requiresFreshContext")]
    public async Task A_refused_change_names_its_faults_and_changes_nothing(string body, string fields)
    {
        var id = await ScheduleAsync(await NewUserAsync());
        var (_, before, _) = await _client.GetJsonAsync($"messages/{id}");

        var (status, problem, _) = await SendAsync("PATCH", $"messages/{id}", body);

        status.ShouldBe(HttpStatusCode.BadRequest);
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldBe(fields.Split(' '), ignoreOrder: true);
        (await _client.GetJsonAsync($"messages/{id}")).Body.GetRawText().ShouldBe(before.GetRawText());
    }

    [Fact]
    public async Task Whoever_comes_too_late_is_told_where_the_message_stands_in_the_fields_that_it_is_seen_in()
    {
        var id = await ScheduleAsync(await NewUserAsync());
        await SendAsync("DELETE", $"messages/{id}", null);

        var (status, problem, _) = await SendAsync("PATCH", $"messages/{id}", """{"priority": "low"}""");

        status.ShouldBe(HttpStatusCode.Conflict);
        var (_, seen, _) = await _client.GetJsonAsync($"messages/{id}");
        var told = problem.GetProperty("message").EnumerateObject().ToList();
        told.Select(field => field.Name).ShouldBe(["id", "status", "code", "reason", "finishedAt"], ignoreOrder: true);
        foreach (var field in told)
            field.Value.GetRawText().ShouldBe(seen.GetProperty(field.Name).GetRawText(), field.Name);
    }

    [Theory]
    [InlineData("colour=red&limit=0&status=gone&cursor=x&topic=t", "colour cursor limit status topic")]
    [InlineData("limit=201", "limit")]
    [InlineData("limit=1&limit=2", "limit")]
    [InlineData("limit=%2B5", "limit")]
    [InlineData("userId=", "userId")]
    [InlineData("userId=a%00b", "userId")]
    [InlineData("cursor=!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!", "cursor")]
    public async Task A_list_that_is_asked_for_wrongly_names_every_fault(string query, string fields)
    {
        var (status, problem, _) = await _client.GetJsonAsync($"messages?{query}");

        status.ShouldBe(HttpStatusCode.BadRequest);
        problem.GetProperty("errors").EnumerateObject().Select(e => e.Name).ShouldBe(fields.Split(' '), ignoreOrder: true);
    }

    [Fact]
    public async Task A_thousand_messages_are_paged_through_once_each_while_others_are_queued()
    {
        var user = await NewUserAsync();
        await service.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, created_at)
            SELECT @user, 'agent', '{"content": "x"}', now(), now() - (i / 7) * interval '1 second' FROM generate_series(1, 1000) AS i
            """, new { user });

        var seen = new List<Guid>();
        for (var path = $"messages?userId={user}&limit=90"; ;)
        {
            var (status, page, _) = await _client.GetJsonAsync(path);
            status.ShouldBe(HttpStatusCode.OK);
            seen.AddRange(page.GetProperty("messages").EnumerateArray().Select(m => m.GetProperty("id").GetGuid()));
            if (!page.TryGetProperty("nextCursor", out var next))
                break;
            path = $"messages?userId={user}&limit=90&cursor={next.GetString()}";
            await ScheduleAsync(user);
        }

        seen.Count.ShouldBe(1000);
        seen.Distinct().Count().ShouldBe(1000);
        (await _client.GetJsonAsync($"messages?userId={user}")).Body.GetProperty("messages").GetArrayLength().ShouldBe(50);
        (await _client.GetJsonAsync("messages?userId=nobody")).Body.GetProperty("messages").GetArrayLength().ShouldBe(0);
        (await _client.GetJsonAsync("messages?status=queued&limit=200")).Body.GetProperty("messages")[0].TryGetProperty("messageData", out _).ShouldBeFalse();
    }
}
