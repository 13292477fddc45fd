using Orchestrator.Core;
using Orchestrator.Fakes;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>Others change a message while the model is at it.</summary>
public sealed class RenderingChangeTests(PostgresServer server) : RenderingTests(server)
{
    /// <summary>Leases the message, and does something while the model is asked.</summary>
    private async Task<RenderingService.Instance> RenderWhileAsync(string sql, object parameters, string text = "From the model.")
    {
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        Model.Answer = _ =>
        {
            Db.ExecuteAsync(sql, parameters).GetAwaiter().GetResult();
            return ModelAnswer.Sms(text);
        };
        await instance.RenderNextAsync();
        return instance;
    }

    [Fact]
    public async Task New_words_are_not_overwritten_by_what_was_written_from_the_old_ones()
    {
        var id = await Service.QueueAsync("ann", Data);

        var instance = await RenderWhileAsync("""UPDATE message_queue SET message_data = '{"content": "New words"}' WHERE id = @id""", new { id });
        await instance.RenderAllAsync();

        (await Service.DeliveredTextAsync(id)).ShouldBe("New words");
    }

    [Fact]
    public async Task A_message_that_is_rescheduled_stays_so_and_keeps_its_text()
    {
        var id = await Service.QueueAsync("ann", Data);
        var then = Instant.FromUtc(2025, 12, 1, 17, 0);

        await RenderWhileAsync("UPDATE message_queue SET scheduled_for = @then WHERE id = @id", new { id, then });

        (await Db.StatusOfAsync(id)).ShouldBe("queued");
        (await Db.ScheduledForAsync(id)).ShouldBe(then);
        Db.Now = then;
        await Service.DispatchAndRenderAsync();
        (await Service.DeliveredTextAsync(id)).ShouldBe("From the model.");
        Model.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_message_that_is_rescheduled_while_the_model_fails_stays_so()
    {
        var id = await Service.QueueAsync("ann", Data);
        var then = Instant.FromUtc(2025, 12, 1, 17, 0);

        await RenderWhileAsync("UPDATE message_queue SET scheduled_for = @then WHERE id = @id", new { id, then }, text: "");

        (await Db.ScheduledForAsync(id)).ShouldBe(then);
    }

    [Fact]
    public async Task A_part_of_a_sequence_that_is_called_off_does_not_hold_the_others_until_the_lease_ends()
    {
        await Db.ScheduleAsync(Some.Request("ann") with { MessageData = Data, Following = [Data], HasContent = false, Lane = Lane.High });

        await RenderWhileAsync("UPDATE message_queue SET status = 'cancelled' WHERE sequence_position = 2", new { });

        (await Db.QueryAsync<string>("SELECT DISTINCT status FROM message_queue")).ShouldBe(["cancelled"]);
    }

    [Fact]
    public async Task What_is_said_late_counts_for_nothing_while_another_instance_is_at_it()
    {
        var id = await Service.QueueAsync("ann", Data);
        var (first, second) = (Service.NewInstance(), Service.NewInstance());
        await first.DispatchAsync();
        var gate = new TaskCompletionSource();
        Model.Answer = _ => new ModelAnswer.Later(gate.Task, ModelAnswer.Sms("From the first."));
        var late = first.RenderNextAsync();
        await Model.RequestsAsync(1);
        Db.Now += Duration.FromMinutes(5);
        await second.DispatchAsync();

        gate.SetResult();
        await late;

        (await Db.SingleAsync<(string, string?, bool)>("SELECT status, final_message, render_claim IS NOT NULL FROM message_queue WHERE id = @id", new { id }))
            .ShouldBe(("queued", null, true));
    }

    [Fact]
    public async Task What_is_said_late_counts_for_nothing_where_a_rule_holds_the_message_now()
    {
        var id = await Service.QueueAsync("ann", Offer, fresh: true);
        await Service.WritesAsync("ann", "I have booked it myself");
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        var gate = new TaskCompletionSource();
        Model.Answer = _ => new ModelAnswer.Later(gate.Task, ModelAnswer.Verdict("STALE", "The boat is booked."));
        var late = instance.RenderNextAsync();
        await Model.RequestsAsync(1);
        Db.Now += Duration.FromHours(10);
        await Service.NewInstance().DispatchAsync();
        (await Db.SingleAsync<(string, bool)>("SELECT reason, render_claim IS NULL FROM message_queue")).ShouldBe(("quiet_hours", true));

        gate.SetResult();
        await late;

        (await Db.StatusOfAsync(id)).ShouldBe("queued");
    }

    [Fact]
    public async Task A_job_that_another_instance_has_taken_over_before_it_began_is_not_put_before_the_model()
    {
        await Service.QueueAsync("ann", Data);
        var (first, second) = (Service.NewInstance(), Service.NewInstance());
        await first.DispatchAsync();
        Db.Now += Duration.FromMinutes(5);
        await second.DispatchAsync();

        await first.RenderNextAsync();
        Model.Requests.ShouldBeEmpty();

        await second.RenderNextAsync();
        Model.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_job_whose_lease_has_ended_before_it_began_is_not_put_before_the_model()
    {
        await Service.QueueAsync("ann", Data);
        var instance = Service.NewInstance();
        await instance.DispatchAsync();
        Db.Now += Duration.FromMinutes(5);
        Model.Answer = _ => throw new InvalidOperationException("Nobody is to be asked.");

        await instance.RenderNextAsync();

        Model.Requests.ShouldBeEmpty();
    }
}
