using Orchestrator.Core;
using Orchestrator.Fakes;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>What a message is judged by, and when it is judged again.</summary>
public sealed class RenderingNewsTests(PostgresServer server) : RenderingTests(server)
{
    [Theory]
    [InlineData("STALE", "superseded")]
    [InlineData("RELEVANT", "sent")]
    public async Task What_is_stored_after_a_batch_has_read_its_clock_is_judged_and_only_once(string verdict, string status)
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I have booked it myself");
        Model.Answer = _ => ModelAnswer.Verdict(verdict, "As they say.");
        Db.Now -= Duration.FromMilliseconds(500);

        await Service.DispatchAndRenderAsync();

        (await Db.StatusOfAsync(id)).ShouldBe(status);
        Model.Requests.ShouldHaveSingleItem().Data.ShouldContain("I have booked it myself");
    }

    [Fact]
    public async Task What_is_dated_in_the_future_is_no_news_until_then()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "From another program");
        await Db.ExecuteAsync("UPDATE messages SET created_at = now() + interval '1 day'");

        await Service.DispatchAndRenderAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("sent");
        Model.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task STALE_is_no_end_where_the_user_has_written_what_the_model_did_not_know()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I have booked it");
        var gate = new TaskCompletionSource();
        Model.Answer = request => request.Body.GetRawText().Contains("no wait", StringComparison.Ordinal)
            ? ModelAnswer.Verdict("RELEVANT", "They want it after all.")
            : new ModelAnswer.Later(gate.Task, ModelAnswer.Verdict("STALE", "The boat is booked."));
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        var rendering = instance.RenderNextAsync();
        await Model.RequestsAsync(1);
        await Service.WritesAsync("ann", "no wait, please do book it");
        gate.SetResult();
        await rendering;

        await instance.RenderAllAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("Shall I book the boat for you?");
    }

    [Fact]
    public async Task A_row_that_does_not_say_when_it_was_queued_is_judged_too()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I have booked it myself");
        await Db.ExecuteAsync("ALTER TABLE message_queue ALTER created_at DROP NOT NULL; UPDATE message_queue SET created_at = NULL");
        Model.Answer = _ => ModelAnswer.Verdict("STALE", "The boat is booked.");

        await Service.DispatchAndRenderAsync();

        (await Db.StatusOfAsync(id)).ShouldBe("superseded");
    }

    [Theory]
    [InlineData("RELEVANT", "sent")]
    [InlineData("STALE", "superseded")]
    public async Task The_tenth_verdict_stands_whatever_is_written_meanwhile(string verdict, string status)
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "1");
        Model.Answer = _ =>
        {
            if (Model.Requests.Count < 15)
                Service.WritesAsync("ann", "and another thing").GetAwaiter().GetResult();
            return ModelAnswer.Verdict(verdict, "As they say.");
        };

        await Service.DispatchAndRenderAsync();

        (await Db.StatusOfAsync(id)).ShouldBe(status);
        Model.Requests.Count.ShouldBe(RenderRetries.MostVerdicts);
    }
}
