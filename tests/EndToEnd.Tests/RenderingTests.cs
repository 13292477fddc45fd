using System.Net;
using Orchestrator.Fakes;

namespace Orchestrator.EndToEnd.Tests;

/// <summary>The service in a process of its own with a model behind it.</summary>
public sealed class RenderingTests(ServiceDatabase service) : IClassFixture<ServiceDatabase>, IAsyncLifetime
{
    private static int _users;

    private readonly string _user = $"render_{Interlocked.Increment(ref _users)}";
    private FakeModel _model = null!;

    public async ValueTask InitializeAsync()
    {
        _model = await FakeModel.StartAsync();
        await service.AddUserAsync(_user);
    }

    public async ValueTask DisposeAsync() => await _model.DisposeAsync();

    private Task<EmbeddedHost> StartAsync(params (string Name, string Value)[] more) => EmbeddedHost.StartAsync(
    [
        .. service.Settings.Where(s => !more.Any(m => m.Name == s.Name)),
        ("ANTHROPIC_API_KEY", _model.ApiKey),
        ("ANTHROPIC_BASE_URL", _model.Url.AbsoluteUri),
        .. more,
    ]);

    private async Task<Guid> ScheduleAsync(EmbeddedHost host, string priority = "urgent")
    {
        var (status, answer, _) = await host.Client.PostAsync("schedule-message",
            $$"""{"userId": "{{_user}}", "agentId": "agent", "messageData": {"event": "secret_intro_accepted"}, "priority": "{{priority}}"}""");
        status.ShouldBe(HttpStatusCode.OK, answer.ToString());
        return answer.GetProperty("messageId").GetGuid();
    }

    private Task HandedOverAsync(Guid id) => Eventually.HoldsAsync(
        async () => await service.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE id = @id", new { id }) == 1, "the message is handed over");

    [Fact]
    public async Task A_message_from_data_is_written_and_handed_over_by_itself_and_health_tells_what_it_cost()
    {
        await using var host = await StartAsync();

        var id = await ScheduleAsync(host);

        await HandedOverAsync(id);
        (await service.SingleAsync<string>("SELECT content FROM messages WHERE id = @id", new { id })).ShouldBe("Hello from the model.");
        var model = (await host.Client.GetJsonAsync("health")).Body.GetProperty("model");
        model.GetProperty("callsToday").GetInt32().ShouldBeGreaterThan(0);
        model.GetProperty("costTodayUsd").GetDecimal().ShouldBeGreaterThan(0);
        foreach (var secret in (string[])["secret", "Hello from", _model.ApiKey])
            host.Output.ShouldNotContain(secret);
    }

    [Fact]
    public async Task A_process_killed_while_the_model_thinks_leaves_a_message_that_another_renders_and_hands_over_once()
    {
        await using var first = await StartAsync(("Orchestrator__ModelTimeoutSeconds", "60"));
        var normal = _model.Answer;
        _model.Answer = _ => new ModelAnswer.Hanging();
        var id = await ScheduleAsync(first);
        await _model.RequestsAsync(1);
        await first.KillAsync();
        _model.Answer = normal;
        // The lease of the one that is gone has run out.
        await service.ExecuteAsync("UPDATE message_queue SET scheduled_for = now() WHERE id = @id AND render_claim IS NOT NULL", new { id });

        await using var second = await StartAsync();
        (await second.Client.PostAsync("process-queue", "")).Status.ShouldBe(HttpStatusCode.OK);

        await HandedOverAsync(id);
    }

    [Fact]
    public async Task A_SIGTERM_while_the_model_thinks_ends_in_time_and_gives_the_message_back()
    {
        await using var host = await StartAsync(("Orchestrator__ModelTimeoutSeconds", "60"));
        _model.Answer = _ => new ModelAnswer.Hanging();
        var id = await ScheduleAsync(host);
        await _model.RequestsAsync(1);

        var (exitCode, took) = await host.TerminateAsync();

        exitCode.ShouldBe(0);
        took.ShouldBeLessThan(TimeSpan.FromSeconds(10));
        (await service.SingleAsync<bool>("SELECT render_claim IS NULL AND scheduled_for <= now() FROM message_queue WHERE id = @id", new { id })).ShouldBeTrue();
    }

    [Fact]
    public async Task A_model_that_thinks_long_delays_nobody_else()
    {
        await using var host = await StartAsync(("Orchestrator__ModelTimeoutSeconds", "60"));
        _model.Answer = _ => new ModelAnswer.Hanging();
        await ScheduleAsync(host);
        await _model.RequestsAsync(1);
        var other = $"{_user}_other";
        await service.AddUserAsync(other);

        var (status, answer, _) = await host.Client.PostAsync("schedule-message",
            $$"""{"userId": "{{other}}", "agentId": "agent", "messageData": {"content": "Hi"}, "priority": "urgent"}""");

        status.ShouldBe(HttpStatusCode.OK);
        answer.Text("status").ShouldBe("sent");
    }

    [Fact]
    public async Task A_wrong_setting_of_the_model_ends_the_start_with_one_line_that_names_it()
    {
        foreach (var (name, value) in new[] { ("ANTHROPIC_BASE_URL", "nowhere"), ("Orchestrator__SmsLimit", "5000"), ("Orchestrator__Prices", "much") })
        {
            var (exitCode, output) = await EmbeddedHost.RunToEndAsync([.. service.Settings, (name, value)]);
            exitCode.ShouldBe(1);
            output.Split('\n').ShouldHaveSingleItem().ShouldContain(name);
        }
    }
}
