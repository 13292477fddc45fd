using System.Diagnostics;
using Orchestrator.Core;
using Orchestrator.Fakes;
using Orchestrator.Service.Scheduling;
using Orchestrator.Service.Telemetry;
using Orchestrator.Service.Tests.Rendering;
using Orchestrator.Service.Tests.Sms;

namespace Orchestrator.Service.Tests.Telemetry;

/// <summary>Which trace a message belongs to, and what is told of it in its spans.</summary>
public sealed class TracingTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private Task<IReadOnlyList<string>> TracesAsync() => _db.QueryAsync<string>("SELECT traceparent FROM message_traces ORDER BY message_id");

    private static string? Tag(Activity span, string name) => span.GetTagItem(name)?.ToString();

    [Fact]
    public async Task While_nobody_listens_no_span_is_made_and_no_trace_is_kept()
    {
        Tracing.IsOn.ShouldBeFalse();
        await _db.AddUsersAsync("ann");
        using var request = new Activity("request").Start();

        await _db.ScheduleAsync(Some.Request("ann"));
        await _db.DispatchAsync();

        Activity.Current.ShouldBe(request);
        (await TracesAsync()).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_message_keeps_the_trace_of_its_request_and_its_decisions_continue_it()
    {
        await _db.AddUsersAsync("ann");
        using var listening = new Listening();
        using var request = listening.Request();
        var (first, second) = (await _db.ScheduledIdAsync(Some.Request("ann") with { Lane = Lane.High }), await _db.ScheduledIdAsync(Some.Request("ann")));
        await _db.ExecuteAsync("UPDATE message_queue SET scheduled_for = @Now", new { _db.Now });
        request.Stop();

        await _db.DispatchAsync();

        (await TracesAsync()).ShouldBe([request.Id!, request.Id!]);
        var spans = listening.Of(request);
        spans.Select(s => (s.OperationName, Tag(s, "messaging.message.id"), Tag(s, "orchestrator.decision"), Tag(s, "orchestrator.reason"))).ShouldBe(
            [("dispatch", $"{first}", "delivered", "delivered"), ("dispatch", $"{second}", "deferred", "cooldown")], ignoreOrder: true);
        spans.ShouldAllBe(s => s.ParentSpanId == request.SpanId && s.Duration > TimeSpan.Zero);
        var batch = listening.LinkedTo(request).Single(s => s.OperationName == "dispatch batch");
        batch.TraceId.ShouldNotBe(request.TraceId);
        spans.ShouldAllBe(s => s.Links.Single().Context.SpanId == batch.SpanId);
    }

    [Fact]
    public async Task Each_of_many_messages_keeps_it_too_with_or_without_a_named_key()
    {
        await _db.AddUsersAsync("ann", "bob");
        using var listening = new Listening();
        using var request = listening.Request();

        foreach (var name in (string?[])[null, "key"])
            await _db.ScheduleManyAsync([new BatchItem(Some.Request("ann"), null, null).By(name, Tracing.Traceparent), new BatchItem(Some.Request("bob"), null, null).By(name, Tracing.Traceparent)]);
        await _db.ScheduleAsync(Some.Request("ann") with { ScheduledBy = "key", Topic = "t" });

        (await TracesAsync()).ShouldBe(Enumerable.Repeat(request.Id!, 5));
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM agent_actions_log WHERE action_type = 'message_queued'")).ShouldBe(3);
    }

    [Fact]
    public async Task A_dry_run_and_a_repeated_key_keep_nothing()
    {
        await _db.AddUsersAsync("ann");
        using var listening = new Listening();
        using var request = listening.Request();

        await _db.ScheduleAsync(Some.Request("ann"), dryRun: true);
        await _db.ScheduleAsync(Some.Request("ann"), "k");
        await _db.ScheduleAsync(Some.Request("ann"), "k");

        (await TracesAsync()).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_trace_that_is_not_recorded_is_not_kept_and_has_no_spans()
    {
        await _db.AddUsersAsync("ann");
        using var listening = new Listening(sample: false);
        using var request = listening.Request();

        await _db.ScheduleAsync(Some.Request("ann"));
        await _db.DispatchAsync();

        (await TracesAsync()).ShouldBeEmpty();
        listening.Of(request).Where(s => s.OperationName == "dispatch").ShouldBeEmpty();
    }

    [Fact]
    public async Task On_an_adopted_database_traces_are_kept_as_well()
    {
        await using var adopted = await server.CreateAdoptableAsync();
        await new Postgres.Migrator(adopted.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
        var user = await adopted.SingleAsync<string>("SELECT id::text FROM users LIMIT 1");
        using var listening = new Listening();
        using var request = listening.Request();

        await adopted.ScheduleAsync(Some.Request(user));

        (await adopted.SingleAsync<string>("SELECT traceparent FROM message_traces")).ShouldBe(request.Id);
    }

    [Fact]
    public async Task The_spans_of_a_message_hold_neither_its_text_nor_its_user_nor_a_number()
    {
        await using var rendering = await RenderingService.CreateAsync(server);
        await rendering.AddUserAsync("ann_the_user");
        using var listening = new Listening();
        using var request = listening.Request();
        var id = await rendering.Db.ScheduledIdAsync(Some.Request("ann_the_user") with
        {
            MessageData = """{"event": "secret_event"}""",
            HasContent = false,
            Lane = Lane.High,
        });
        request.Stop();
        await rendering.DispatchAndRenderAsync();
        await using var sending = await SendingOnAsync(rendering.Db);
        sending.Twilio.Script = _ => new FakeAnswer.Refuse(400, 21211);
        await sending.SendAsync();

        var spans = listening.Of(request);
        spans.Select(s => s.OperationName).ShouldBe(["dispatch", "render", "dispatch", "send"]);
        Tag(spans[^1], "error.type").ShouldBe("21211");
        spans.ShouldAllBe(s => Tag(s, "messaging.message.id") == id.ToString());
        var told = string.Join(' ', spans.Append(request).Concat(listening.LinkedTo(request)).SelectMany(s =>
            s.TagObjects.Concat(s.Events.SelectMany(e => e.Tags)).Select(tag => $"{tag.Value}").Append(s.DisplayName).Append(s.StatusDescription)));
        foreach (var secret in (string[])["secret_event", "Hello from the model", "ann_the_user", "5555550100", sending.Twilio.AccountSid, rendering.Model.ApiKey])
            told.ShouldNotContain(secret);
    }

    private static async Task<Sending> SendingOnAsync(TestDatabase db)
    {
        await db.ExecuteAsync("UPDATE sms_gate SET sends_from = '-infinity'");
        return Sending.On(db, await FakeTwilio.StartAsync());
    }
}
