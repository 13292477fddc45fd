using Orchestrator.Fakes;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>What counts as content, and what a text is written from.</summary>
public sealed class RenderingContentTests(PostgresServer server) : RenderingTests(server)
{
    [Theory]
    [InlineData("""{}""")]
    [InlineData("""{"content": null}""")]
    [InlineData("""{"content": 5}""")]
    [InlineData("""{"content": ""}""")]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("\"text\"")]
    [InlineData("""[{"event": "x"}]""")]
    public async Task What_holds_neither_a_text_nor_anything_to_write_one_from_fails_without_a_call(string data)
    {
        var id = await Service.QueueAsync("ann", data);

        await Service.DispatchAndRenderAsync();

        (await Db.SingleAsync<(string, string)>("SELECT status, reason FROM message_queue WHERE id = @id", new { id })).ShouldBe(("failed", "no_content"));
        (await Db.SingleAsync<string>("SELECT error FROM agent_actions_log WHERE context_id = @id", new { id })).ShouldNotBeNullOrEmpty();
        Model.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_empty_content_beside_data_is_none_and_the_text_is_written_once()
    {
        var id = await Service.QueueAsync("ann", """{"content": "", "event": "x"}""");

        await Service.DispatchAndRenderAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Hello from the model.");
        Model.Requests.ShouldHaveSingleItem().HasContent.ShouldBeFalse();
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"content": null}""")]
    [InlineData("""{"content": 5}""")]
    public void A_request_for_such_a_message_is_refused_by_field(string data)
    {
        Faults($$"""{"userId": "ann", "agentId": "a", "messageData": {{data}}}""").ShouldHaveSingleItem().Key.ShouldBe("messageData");
        Faults($$"""{"userId": "ann", "agentId": "a", "messages": [{"messageData": {{Offer}}}, {"messageData": {{data}}}]}""")
            .ShouldHaveSingleItem().Key.ShouldBe("messages[1].messageData");

        static IReadOnlyDictionary<string, string[]> Faults(string body) =>
            ScheduleRequestReader.Read(System.Text.Json.JsonDocument.Parse(body).RootElement).Faults;
    }

    [Fact]
    public async Task RELEVANT_after_CONTEXTUAL_goes_out_word_for_word_and_not_in_the_words_of_the_earlier_verdict()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "On Sunday then");
        var gate = new TaskCompletionSource();
        Model.Answer = request => request.Body.GetRawText().Contains("not Sunday", StringComparison.Ordinal)
            ? ModelAnswer.Verdict("RELEVANT", "It fits again.")
            : new ModelAnswer.Later(gate.Task, ModelAnswer.Verdict("CONTEXTUAL", "The day is known.", "Shall I book the boat for Sunday?"));
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        var rendering = instance.RenderNextAsync();
        await Model.RequestsAsync(1);
        await Service.WritesAsync("ann", "not Sunday, any other day");
        gate.SetResult();
        await rendering;

        await instance.RenderAllAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
    }

    [Fact]
    public async Task A_message_that_nobody_could_judge_again_goes_out_in_its_own_words_and_not_in_those_of_the_earlier_verdict()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Db.ExecuteAsync("UPDATE message_queue SET final_message = 'Shall I book the boat for Sunday?', judged_at = @now", new { Db.Now });
        await Service.WritesAsync("ann", "not Sunday, any other day");
        Model.Answer = _ => ModelAnswer.Fails(500, "api_error");

        await Service.WorkUntilNothingWaitsAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
    }

    [Theory]
    [InlineData("""{"content": "The agent's words"}""", "The agent's words")]
    [InlineData("{}", "The words of the replaced service")]
    [InlineData(null, "The words of the replaced service")]
    public async Task Of_an_adopted_message_the_words_that_were_judged_go_out(string? data, string delivered)
    {
        await using var adopted = await RenderingService.AdoptAsync(Server);
        var id = await adopted.Db.QueueAsync(AdoptedDatabase.Bob, canDelay: false);
        await adopted.Db.ExecuteAsync(
            "UPDATE message_queue SET message_data = @data::jsonb, final_message = 'The words of the replaced service', requires_fresh_context = true WHERE id = @id",
            new { id, data });
        await adopted.WritesAsync(AdoptedDatabase.Bob, "Any news?", conversationId: AdoptedDatabase.BobsConversation);

        await adopted.DispatchAndRenderAsync();

        adopted.Model.Requests.ShouldHaveSingleItem().Data.ShouldContain(delivered);
        (await adopted.DeliveredTextAsync(id)).ShouldBe(delivered);
    }

    [Fact]
    public async Task An_instance_without_a_model_leaves_the_writing_to_one_that_has_one_and_gives_it_up_after_a_day()
    {
        var (soon, late) = (await Service.QueueAsync("ann", Data), Guid.Empty);
        var model = Db.Settings.Model;

        Db.Settings = Db.Settings with { Model = null };
        await Db.DispatchAsync();
        (await Db.SingleAsync<(string, string)>("SELECT status, reason FROM message_queue")).ShouldBe(("queued", "rendering"));
        Db.Settings = Db.Settings with { Model = model };
        await Service.DispatchAndRenderAsync();
        (await Service.DeliveredTextAsync(soon)).ShouldBe("Hello from the model.");

        Db.Settings = Db.Settings with { Model = null };
        Db.Now += Duration.FromMinutes(1);
        late = await Service.QueueAsync("ann", Data);
        await Db.DispatchAsync();
        Db.Now += Duration.FromHours(24);
        await Db.DispatchAsync();
        (await Db.SingleAsync<(string, string)>("SELECT status, reason FROM message_queue WHERE id = @late", new { late })).ShouldBe(("failed", "no_content"));
    }
}
