using System.Net;
using Orchestrator.Fakes;

namespace Orchestrator.EndToEnd.Tests.Telemetry;

/// <summary>What a service in a process of its own tells of itself, with a model, a Twilio and a collector behind it.</summary>
public sealed class TelemetryTests(ServiceDatabase service) : IClassFixture<ServiceDatabase>, IAsyncLifetime
{
    private const string TraceId = "4bf92f3577b34da6a3ce929d0e0e4736";

    private static int _users;

    private readonly string _user = $"telemetry_{Interlocked.Increment(ref _users)}";
    private FakeTwilio _twilio = null!;
    private FakeModel _model = null!;
    private FakeCollector _collector = null!;

    private string Number => $"+1555557{_user[10..].PadLeft(4, '0')}";

    public async ValueTask InitializeAsync()
    {
        (_twilio, _model, _collector) = (await FakeTwilio.StartAsync(), await FakeModel.StartAsync(), await FakeCollector.StartAsync());
        await service.ExecuteAsync(
            "INSERT INTO users (id, phone_number, timezone) VALUES (@id, @number, 'America/New_York')", new { id = _user, number = Number });
    }

    public async ValueTask DisposeAsync()
    {
        await service.ExecuteAsync("UPDATE messages SET status = 'left' WHERE status IN ('pending', 'sending'); UPDATE sms_turns SET message_id = NULL, requested_at = NULL, due_at = NULL");
        await _collector.DisposeAsync();
        await _model.DisposeAsync();
        await _twilio.DisposeAsync();
    }

    private Task<EmbeddedHost> StartAsync(params (string Name, string Value)[] more) => EmbeddedHost.StartAsync(
    [
        .. service.Settings.Where(s => s.Name != "SMS_DELIVERY"),
        ("TWILIO_ACCOUNT_SID", _twilio.AccountSid),
        ("TWILIO_AUTH_TOKEN", _twilio.AuthToken),
        ("TWILIO_PHONE_NUMBER", "+15555550199"),
        ("TWILIO_BASE_URL", _twilio.BaseUrl.AbsoluteUri),
        ("ANTHROPIC_API_KEY", _model.ApiKey),
        ("ANTHROPIC_BASE_URL", _model.Url.AbsoluteUri),
        .. more,
    ]);

    private (string Name, string Value)[] ToCollector(params (string Name, string Value)[] more) =>
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", _collector.Url.AbsoluteUri),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000"),
        .. more,
    ];

    /// <summary>A message that a model writes, queued and sent.</summary>
    private async Task<Guid> SendAsync(EmbeddedHost host, params (string Name, string Value)[] headers)
    {
        var before = _twilio.Accepted.Count;
        var (status, answer, _) = await host.Client.PostAsync("schedule-message",
            $$"""{"userId": "{{_user}}", "agentId": "agent", "messageData": {"event": "secret_intro_accepted"}, "priority": "urgent"}""", headers);
        status.ShouldBe(HttpStatusCode.OK);
        await _twilio.WaitForAsync(t => t.Accepted.Count > before, TestContext.Current.CancellationToken);
        return answer.GetProperty("messageId").GetGuid();
    }

    private static async Task<(string Text, MetricsPage Page)> ReadMetricsAsync(EmbeddedHost host)
    {
        using var response = await host.Client.GetAsync(new Uri("metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        response.StatusCode.ShouldBe(HttpStatusCode.OK);
        response.Content.Headers.ContentType!.ToString().ShouldBe("text/plain; version=0.0.4; charset=utf-8");
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return (text, MetricsPage.Parse(text));
    }

    private static async Task<MetricsPage> ReadMetricsUntilAsync(EmbeddedHost host, Func<MetricsPage, bool> holds)
    {
        MetricsPage page = null!;
        await Eventually.HoldsAsync(async () => holds(page = (await ReadMetricsAsync(host)).Page), "the metrics say so");
        return page;
    }

    private void ShouldHoldNoSecret(string text)
    {
        foreach (var secret in (string[])[_user, Number, Number[1..], "secret_intro", "Hello from the model", _model.ApiKey, _twilio.AuthToken, _twilio.AccountSid])
            text.ShouldNotContain(secret);
    }

    [Fact]
    public async Task Metrics_tell_of_a_message_from_the_request_to_the_phone()
    {
        await using var host = await StartAsync();

        await SendAsync(host);

        var page = await ReadMetricsUntilAsync(host, p => p["orchestrator_sms_sends_total"] > 0);
        page["orchestrator_messages_scheduled_total", ("orchestrator_lane", "urgent")].ShouldBe(1);
        page["orchestrator_dispatch_decisions_total", ("orchestrator_decision", "rendering"), ("orchestrator_reason", "rendering")].ShouldBe(1);
        page["orchestrator_dispatch_decisions_total", ("orchestrator_decision", "delivered"), ("orchestrator_reason", "delivered"), ("orchestrator_lane", "urgent")].ShouldBe(1);
        page["orchestrator_delivery_lag_seconds_count"].ShouldBe(1);
        page["orchestrator_delivery_lag_seconds_sum"].ShouldBeLessThan(60);
        page["orchestrator_delivery_lag_seconds_bucket", ("le", "+Inf")].ShouldBe(1);
        page["orchestrator_dispatch_batch_duration_seconds_count"].ShouldBeGreaterThanOrEqualTo(2);
        page["orchestrator_render_verdicts_total", ("orchestrator_verdict", "written")].ShouldBe(1);
        page["gen_ai_client_operation_duration_seconds_count"].ShouldBe(1);
        page["gen_ai_client_token_usage_sum", ("gen_ai_token_type", "output")].ShouldBeGreaterThan(0);
        page["orchestrator_model_cost_total"].ShouldBeGreaterThan(0);
        page["orchestrator_sms_sends_total", ("orchestrator_result", "accepted"), ("orchestrator_code", "none")].ShouldBe(1);
        page["messaging_client_operation_duration_seconds_count", ("messaging_system", "twilio")].ShouldBe(1);
        page["http_server_request_duration_seconds_count", ("http_route", "schedule-message"), ("http_response_status_code", "200")].ShouldBe(1);
        page["db_client_connection_count", ("db_client_connection_pool_name", "orchestrator")].ShouldBeGreaterThan(0);
        page.Has("dotnet_gc_collections_total").ShouldBeTrue();
        page["target_info", ("service_name", "message-orchestrator")].ShouldBe(1);
        ShouldHoldNoSecret((await ReadMetricsAsync(host)).Text);
    }

    [Fact]
    public async Task A_refusal_of_the_provider_is_counted_by_its_code()
    {
        await using var host = await StartAsync();
        _twilio.Script = _ => new FakeAnswer.Refuse(400, 21610);

        await host.Client.PostAsync("schedule-message", $$"""{"userId": "{{_user}}", "agentId": "agent", "messageData": {"content": "Hi"}, "priority": "urgent"}""");

        await ReadMetricsUntilAsync(host, p => p["orchestrator_sms_sends_total", ("orchestrator_result", "refused"), ("orchestrator_code", "21610")] > 0);
    }

    [Fact]
    public async Task What_waits_and_what_is_due_is_told_by_lane_and_how_long()
    {
        await using var host = await StartAsync();
        await service.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority)
            SELECT @user, 'a', '{"content": "Hi"}', now() + at, 'low' FROM (VALUES (interval '-100 seconds'), ('-10 seconds'), ('1 day')) AS t (at)
            """,
            new { user = _user });

        var (_, page) = await ReadMetricsAsync(host);

        page["orchestrator_queue_depth", ("orchestrator_lane", "low"), ("orchestrator_state", "due")].ShouldBe(2);
        page["orchestrator_queue_depth", ("orchestrator_lane", "low"), ("orchestrator_state", "waiting")].ShouldBeGreaterThanOrEqualTo(1);
        page["orchestrator_queue_oldest_due_age_seconds", ("orchestrator_lane", "low")].ShouldBeInRange(100, 200);
        page["orchestrator_queue_oldest_due_age_seconds", ("orchestrator_lane", "high")].ShouldBe(0);
        page.Has("orchestrator_outbox_depth").ShouldBeTrue();
        await service.ExecuteAsync("DELETE FROM message_queue WHERE user_id = @user", new { user = _user });
    }

    [Fact]
    public async Task Metrics_want_a_key_where_there_is_one_and_can_be_turned_off()
    {
        await using (var host = await StartAsync(("ORCHESTRATOR_API_KEYS", "k1")))
        {
            (await host.Client.GetJsonAsync("metrics")).Status.ShouldBe(HttpStatusCode.Unauthorized);
            host.Client.DefaultRequestHeaders.Authorization = new("Bearer", "k1");
            await ReadMetricsAsync(host);
        }

        await using var silent = await StartAsync(("Orchestrator__Metrics", "false"));
        (await silent.Client.GetJsonAsync("metrics")).Status.ShouldBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task One_trace_joins_the_request_the_dispatch_the_rendering_and_the_sending_of_a_message()
    {
        await using var host = await StartAsync(ToCollector());

        var id = await SendAsync(host, ("traceparent", $"00-{TraceId}-00f067aa0ba902b7-01"));

        string[] expected = ["POST schedule-message", "dispatch", "dispatch", "render", "send"];
        List<CollectedSpan> ofMessage = [];
        await Eventually.HoldsAsync(() =>
        {
            ofMessage = [.. _collector.Spans.Where(s => s.Attributes.GetValueOrDefault("messaging.message.id") == id.ToString())];
            return Task.FromResult(ofMessage.Count >= expected.Length);
        }, "the spans have come");
        ofMessage.Select(s => s.Name).Order(StringComparer.Ordinal).ShouldBe(expected.Order(StringComparer.Ordinal));
        ofMessage.ShouldAllBe(s => s.TraceId == TraceId);
        ofMessage.Where(s => s.Name == "dispatch").Select(s => s.Attributes["orchestrator.decision"]).ShouldBe(["rendering", "delivered"], ignoreOrder: true);
        ofMessage.Single(s => s.Name == "render").Attributes["gen_ai.usage.output_tokens"].ShouldNotBe("0");
        ofMessage.Single(s => s.Name == "send").Attributes["orchestrator.result"].ShouldBe("accepted");
        ofMessage.Single(s => s.Name.StartsWith("POST", StringComparison.Ordinal)).ParentId.ShouldBe("00f067aa0ba902b7");
        _collector.Spans.ShouldContain(s => s.Name == "dispatch batch" && s.LinkedTraceIds.Contains(TraceId));
    }

    [Fact]
    public async Task What_is_pushed_names_the_service_and_holds_no_secret_no_content_no_user_and_no_number()
    {
        await using var host = await StartAsync(ToCollector());

        await SendAsync(host, ("traceparent", $"00-{TraceId[..^1]}7-00f067aa0ba902b7-01"));
        await host.Client.GetAsync(new Uri($"users/{_user}?number={Uri.EscapeDataString(Number)}", UriKind.Relative), TestContext.Current.CancellationToken);
        await host.Client.GetAsync(new Uri($"nothing/{Number}", UriKind.Relative), TestContext.Current.CancellationToken);

        await Eventually.HoldsAsync(() => Task.FromResult(
            _collector.Spans.Any(s => s.Name == "send") && _collector.Spans.Any(s => s.Attributes.GetValueOrDefault("http.response.status_code") == "404")
            && _collector.Metrics.Contains("orchestrator.sms.sends") && _collector.Metrics.Contains("orchestrator.queue.depth")), "traces and metrics have come");
        _collector.Text.ShouldContain("message-orchestrator");
        ShouldHoldNoSecret(_collector.Text);
    }

    [Fact]
    public async Task Where_the_caller_samples_nothing_nothing_of_its_message_is_kept_or_pushed()
    {
        await using var host = await StartAsync(ToCollector());

        var id = await SendAsync(host, ("traceparent", $"00-{TraceId}-00f067aa0ba902b7-00"));

        (await service.SingleAsync<int>("SELECT count(*)::int FROM message_traces WHERE message_id = @id", new { id })).ShouldBe(0);
        await host.TerminateAsync();
        _collector.Text.ShouldNotContain(id.ToString());
    }

    [Fact]
    public async Task A_collector_that_is_out_of_reach_keeps_no_message_back()
    {
        await using var host = await StartAsync([.. ToCollector().Skip(1), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")]);

        await SendAsync(host);

        var (exitCode, took) = await host.TerminateAsync();
        exitCode.ShouldBe(0);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(10));
    }

    [Theory]
    [InlineData("OTEL_EXPORTER_OTLP_ENDPOINT", "nowhere")]
    [InlineData("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json")]
    [InlineData("OTEL_TRACES_SAMPLER", "sometimes")]
    [InlineData("OTEL_TRACES_SAMPLER_ARG", "2")]
    [InlineData("OTEL_METRICS_EXPORTER", "prometheus")]
    [InlineData("OTEL_METRIC_EXPORT_INTERVAL", "soon")]
    [InlineData("Orchestrator__Metrics", "yes")]
    public async Task A_wrong_setting_ends_the_start_with_one_line_that_names_it(string name, string value)
    {
        var (exitCode, output) = await EmbeddedHost.RunToEndAsync([.. service.Settings, (name, value)]);

        exitCode.ShouldBe(1);
        output.Split('\n').ShouldHaveSingleItem().ShouldContain(name);
    }
}
