using System.Diagnostics;
using System.Net;
using Orchestrator.Fakes;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>From the request to the phone and back, with a service in a process of its own and a Twilio behind it.</summary>
public sealed class SmsTests(ServiceDatabase service) : IClassFixture<ServiceDatabase>, IAsyncLifetime
{
    private const string ServiceNumber = "+15555550199";

    private static readonly Uri Public = new("https://orchestrator.example");

    private static int _users;

    private readonly string _user = $"sms_{Interlocked.Increment(ref _users)}";
    private FakeTwilio _twilio = null!;

    private string Number => $"+1555556{_user[4..].PadLeft(4, '0')}";

    public async ValueTask InitializeAsync()
    {
        _twilio = await FakeTwilio.StartAsync();
        await service.ExecuteAsync(
            "INSERT INTO users (id, phone_number, timezone) VALUES (@id, @number, 'America/New_York')", new { id = _user, number = Number });
    }

    public async ValueTask DisposeAsync()
    {
        // What this test has left is nobody else's to send.
        await service.ExecuteAsync("UPDATE messages SET status = 'left' WHERE status IN ('pending', 'sending'); UPDATE sms_turns SET message_id = NULL, requested_at = NULL, due_at = NULL");
        await _twilio.DisposeAsync();
    }

    private Task<EmbeddedHost> StartAsync(params (string Name, string Value)[] more) => EmbeddedHost.StartAsync(
    [
        .. service.Settings.Where(s => s.Name != "SMS_DELIVERY" && !more.Any(m => m.Name == s.Name)),
        ("TWILIO_ACCOUNT_SID", _twilio.AccountSid),
        ("TWILIO_AUTH_TOKEN", _twilio.AuthToken),
        ("TWILIO_PHONE_NUMBER", ServiceNumber),
        ("TWILIO_BASE_URL", _twilio.BaseUrl.AbsoluteUri),
        ("PUBLIC_BASE_URL", Public.AbsoluteUri),
        .. more,
    ]);

    private async Task<Guid> ScheduleUrgentAsync(EmbeddedHost host, string content = "Hello")
    {
        var (status, answer, _) = await host.Client.PostAsync(
            "schedule-message", $$$"""{"userId": "{{{_user}}}", "agentId": "agent", "messageData": {"content": "{{{content}}}"}, "priority": "urgent"}""");
        status.ShouldBe(HttpStatusCode.OK);
        answer.Text("status").ShouldBe("sent");
        return answer.GetProperty("messageId").GetGuid();
    }

    private Task<string> StatusOfAsync(Guid id) => service.SingleAsync<string>("SELECT status FROM messages WHERE id = @id", new { id });

    private Task BecomesAsync(Guid id, string status) =>
        Eventually.HoldsAsync(async () => await StatusOfAsync(id) == status, $"the message is {status}");

    [Fact]
    public async Task An_urgent_message_goes_to_the_phone_at_once_and_what_comes_back_is_heard()
    {
        await using var host = await StartAsync();

        var id = await ScheduleUrgentAsync(host, "A secret content");

        await _twilio.WaitForAsync(t => t.Accepted.Count == 1, TestContext.Current.CancellationToken);
        var sms = _twilio.Accepted.Single();
        (sms.To, sms.From, sms.Body).ShouldBe((Number, ServiceNumber, "A secret content"));
        await BecomesAsync(id, "sent");
        (await _twilio.ReportAsync(sms, "delivered", via: Via(host))).Status.ShouldBe(204);
        (await StatusOfAsync(id)).ShouldBe("delivered");

        var inbound = await _twilio.BringAsync(Inbound, Number, ServiceNumber, "Another secret", via: Via(host));
        inbound.ShouldBe(new FakeReply(200, "text/xml", """<?xml version="1.0" encoding="UTF-8"?><Response></Response>"""));
        (await service.SingleAsync<string>("SELECT content FROM messages WHERE user_id = @user AND direction = 'inbound'", new { user = _user }))
            .ShouldBe("Another secret");
        foreach (var secret in (string[])["secret", Number, Number[1..], _twilio.AuthToken])
            host.Output.ShouldNotContain(secret);
    }

    [Fact]
    public async Task A_process_killed_between_acceptance_and_record_leaves_one_SMS()
    {
        await using var first = await StartAsync(("Orchestrator__SmsSettleSeconds", "1"), ("Orchestrator__SmsTimeoutSeconds", "1"));
        _twilio.Next(new FakeAnswer.AcceptThenAnswerAfter(new TaskCompletionSource().Task));
        var id = await ScheduleUrgentAsync(first);
        await _twilio.WaitForAsync(t => t.Accepted.Count == 1, TestContext.Current.CancellationToken);
        await first.KillAsync();
        (await StatusOfAsync(id)).ShouldBe("sending");

        await using var second = await StartAsync(("Orchestrator__SmsSettleSeconds", "1"), ("Orchestrator__SmsTimeoutSeconds", "1"));

        await BecomesAsync(id, "sent");
        _twilio.SendRequests.Count.ShouldBe(1);
        (await service.SingleAsync<string>("SELECT twilio_message_sid FROM messages WHERE id = @id", new { id })).ShouldBe(_twilio.Accepted.Single().Sid);
    }

    [Fact]
    public async Task A_provider_that_hangs_delays_no_request_and_no_dispatch_and_a_SIGTERM_ends_all_the_same()
    {
        await using var host = await StartAsync(("Orchestrator__SmsTimeoutSeconds", "60"));
        _twilio.Script = _ => new FakeAnswer.Hang();
        await ScheduleUrgentAsync(host);
        await _twilio.WaitForAsync(t => t.SendRequests.Count == 1, TestContext.Current.CancellationToken);

        var watch = Stopwatch.StartNew();
        (await host.Client.PostAsync("process-queue", "")).Status.ShouldBe(HttpStatusCode.OK);
        (await host.Client.GetJsonAsync("health")).Status.ShouldBe(HttpStatusCode.OK);
        watch.Elapsed.ShouldBeLessThan(TimeSpan.FromSeconds(30), "the provider is still silent");

        var (exitCode, took) = await host.TerminateAsync();
        exitCode.ShouldBe(0);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(10));
        (await service.SingleAsync<string>("SELECT status FROM messages WHERE user_id = @user", new { user = _user })).ShouldBe("sending");
    }

    [Fact]
    public async Task A_wrong_token_stops_sending_and_health_says_so_until_it_works_again()
    {
        await using var host = await StartAsync();
        _twilio.Script = _ => new FakeAnswer.Refuse(401, 20003);
        var id = await ScheduleUrgentAsync(host);
        await Eventually.HoldsAsync(async () => (await host.Client.GetJsonAsync("health")).Body.Text("status") == "degraded", "health is degraded");
        var (status, health, _) = await host.Client.GetJsonAsync("health");
        status.ShouldBe(HttpStatusCode.OK);
        (health.GetProperty("sms").Text("sending"), health.GetProperty("sms").Text("stoppedBy")).ShouldBe(("stopped", "20003"));
        // All sending is stopped first, and then the message put back.
        await BecomesAsync(id, "pending");

        _twilio.Script = _ => new FakeAnswer.Accept();
        await service.ExecuteAsync("UPDATE sms_gate SET stopped_until = now(); UPDATE sms_turns SET due_at = now() WHERE message_id IS NOT NULL");
        await host.Client.PostAsync("process-queue", "");

        await BecomesAsync(id, "sent");
        (await host.Client.GetJsonAsync("health")).Body.Text("status").ShouldBe("healthy");
    }

    [Fact]
    public async Task What_is_not_signed_by_Twilio_is_refused_and_changes_nothing()
    {
        await using var host = await StartAsync(("ORCHESTRATOR_API_KEYS", "a-key"));
        var fields = new Dictionary<string, string> { ["MessageSid"] = "SM1", ["From"] = Number, ["Body"] = "STOP" };

        foreach (var signature in (string?[])[null, "", "bm9uc2Vuc2U=", _twilio.Signature(new Uri("https://elsewhere.example/twilio/inbound"), fields)])
            (await _twilio.CallAsync(Inbound, fields, signature, Via(host))).Status.ShouldBe(403);
        var tampered = new Dictionary<string, string>(fields) { ["From"] = "+15555550000" };
        (await _twilio.CallAsync(Inbound, fields, _twilio.Signature(Inbound, tampered), Via(host))).Status.ShouldBe(403);
        (await service.SingleAsync<bool>("SELECT opted_out FROM users WHERE id = @user", new { user = _user })).ShouldBeFalse();

        var withPort = new Uri("https://orchestrator.example:443/twilio/inbound");
        (await _twilio.CallAsync(Inbound, fields, Orchestrator.Service.Sms.Twilio.TwilioSignature.Compute(
            _twilio.AuthToken, withPort.OriginalString, fields.Select(f => KeyValuePair.Create(f.Key, new Microsoft.Extensions.Primitives.StringValues(f.Value)))), Via(host)))
            .Status.ShouldBe(200);
        (await service.SingleAsync<bool>("SELECT opted_out FROM users WHERE id = @user", new { user = _user })).ShouldBeTrue();
    }

    [Fact]
    public async Task Hostile_bodies_are_refused()
    {
        await using var host = await StartAsync();
        foreach (var (type, body, expected) in ((string, string, HttpStatusCode)[])
            [("application/json", "{}", HttpStatusCode.UnsupportedMediaType), ("application/x-www-form-urlencoded", "", HttpStatusCode.Forbidden)])
        {
            foreach (var path in (string[])["twilio/status", "twilio/inbound"])
            {
                using var content = new StringContent(body, System.Text.Encoding.UTF8, type);
                var (status, problem, _) = await Json.ReadAsync(await host.Client.PostAsync(new Uri(path, UriKind.Relative), content, TestContext.Current.CancellationToken));
                status.ShouldBe(expected);
                problem.Text("code").ShouldNotBeNull();
            }
        }

        using var large = new StringContent("Body=" + new string('x', 300_000), System.Text.Encoding.UTF8, "application/x-www-form-urlencoded");
        (await host.Client.PostAsync(new Uri("twilio/inbound", UriKind.Relative), large, TestContext.Current.CancellationToken)).StatusCode
            .ShouldBe(HttpStatusCode.RequestEntityTooLarge);
    }

    [Fact]
    public async Task With_external_delivery_pending_rows_are_left_alone()
    {
        await using var host = await StartAsync(("SMS_DELIVERY", "external"));
        var id = await ScheduleUrgentAsync(host);

        (await host.Client.PostAsync("process-queue", "")).Status.ShouldBe(HttpStatusCode.OK);
        (await host.Client.GetJsonAsync("health")).Body.GetProperty("sms").Text("delivery").ShouldBe("external");
        (await host.TerminateAsync()).ExitCode.ShouldBe(0);

        (await StatusOfAsync(id)).ShouldBe("pending");
        _twilio.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task With_log_delivery_a_message_is_told_without_its_words_and_counts_as_sent()
    {
        await using var host = await StartAsync(("SMS_DELIVERY", "log"));

        var id = await ScheduleUrgentAsync(host, "A secret content");

        await BecomesAsync(id, "sent");
        await Eventually.HoldsAsync(() => Task.FromResult(host.Output.Contains($"SMS of message {id}", StringComparison.Ordinal)), "the SMS is told");
        host.Output.ShouldNotContain("secret");
        host.Output.ShouldNotContain(Number);
    }

    [Theory]
    [InlineData("SMS_DELIVERY", "SMS_DELIVERY", "pigeon")]
    [InlineData("TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN", "")]
    [InlineData("TWILIO_PHONE_NUMBER", "TWILIO_PHONE_NUMBER", "")]
    [InlineData("TWILIO_BASE_URL", "TWILIO_BASE_URL", "not an address")]
    [InlineData("PUBLIC_BASE_URL", "PUBLIC_BASE_URL", "orchestrator.example")]
    [InlineData("Orchestrator__SmsPerSecond", "Orchestrator__SmsPerSecond", "0")]
    public async Task A_wrong_or_missing_setting_ends_the_start_with_one_line_that_names_it(string named, string name, string value)
    {
        var (exitCode, output) = await EmbeddedHost.RunToEndAsync(
        [
            .. service.Settings.Where(s => s.Name != "SMS_DELIVERY"),
            .. new (string Name, string Value)[]
            {
                ("TWILIO_ACCOUNT_SID", "AC1"), ("TWILIO_AUTH_TOKEN", "token"), ("TWILIO_PHONE_NUMBER", ServiceNumber),
            }.Where(s => s.Name != name),
            (name, value),
        ]);

        exitCode.ShouldBe(1);
        output.Split('\n').ShouldHaveSingleItem().ShouldContain(named);
    }

    private static Uri Inbound => new(Public, "twilio/inbound");

    private static Uri Via(EmbeddedHost host) => host.Client.BaseAddress!;
}
