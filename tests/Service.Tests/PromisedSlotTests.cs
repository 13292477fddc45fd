using System.Text.Json;
using Orchestrator.Core;
using Orchestrator.Service.Dispatch;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

/// <summary>A slot that a message was promised is kept by what goes after it, though that be due before.</summary>
public sealed class PromisedSlotTests(PostgresServer server) : IAsyncLifetime
{
    private static readonly Duration Cooldown = Duration.FromSeconds(30);

    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("UPDATE users SET quiet_hours_start = '00:00', quiet_hours_end = '00:00'");
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    [Theory]
    [InlineData(Lane.Medium)]
    [InlineData(Lane.Low)]
    public async Task What_is_due_seconds_before_a_message_of_a_better_lane_goes_after_it(Lane lane)
    {
        var other = await ScheduleAsync(lane);
        var reminder = await ScheduleAsync(Lane.High, at: _db.Now + Duration.FromSeconds(10));

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 1, 0, 0));
        (await _db.ScheduledForAsync(other.Id)).ShouldBe(reminder.At + Cooldown);

        _db.Now = reminder.At;
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 0, 0, 0));
        (await _db.StatusOfAsync(reminder.Id)).ShouldBe("sent");
    }

    [Fact]
    public async Task What_is_due_before_a_message_that_comes_after_it_goes_at_once()
    {
        await ScheduleAsync(Lane.Medium, at: _db.Now + Duration.FromSeconds(10));
        await ScheduleAsync(Lane.Medium, at: _db.Now + Duration.FromSeconds(5));
        await ScheduleAsync(Lane.High);

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 0, 0, 0));
    }

    [Theory]
    [InlineData("hourly_limit", 50)]
    [InlineData("daily_limit", 300)]
    public async Task The_last_delivery_that_a_limit_allows_is_kept_for_the_message_of_a_better_lane(string limit, int minutes)
    {
        await _db.ExecuteAsync($"INSERT INTO user_message_budget (user_id, date, {limit}) VALUES ('ann', '2025-10-01', 1)");
        var other = await ScheduleAsync(Lane.Medium);
        var reminder = await ScheduleAsync(Lane.High, at: _db.Now + Duration.FromMinutes(minutes));

        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(0, 1, 0, 0));
        (await _db.SingleAsync<string>("SELECT reason FROM message_queue WHERE id = @Id", new { other.Id })).ShouldBe(limit + "_reached");

        _db.Now = reminder.At;
        (await _db.DispatchAsync()).ShouldBe(new DispatchResult(1, 0, 0, 0));
        (await _db.StatusOfAsync(reminder.Id)).ShouldBe("sent");
    }

    [Fact]
    public async Task A_message_that_counts_as_medium_after_a_day_keeps_its_slot_against_one_that_is()
    {
        var low = await _db.QueueAsync("ann", Lane.Low, canDelay: false);
        await _db.ExecuteAsync(
            "UPDATE message_queue SET reason = 'cooldown', created_at = @then, scheduled_for = @soon",
            new { then = _db.Now - Duration.FromHours(25), soon = _db.Now + Duration.FromSeconds(10) });

        var medium = await ScheduleAsync(Lane.Medium);
        await _db.DispatchAsync();

        medium.At.ShouldBe(_db.Now + Duration.FromSeconds(40));
        (await _db.ScheduledForAsync(medium.Id)).ShouldBe(medium.At);
        (await _db.StatusOfAsync(low)).ShouldBe("queued");
    }

    [Fact]
    public async Task Of_one_request_each_message_finds_the_slots_of_those_that_go_before_it_whatever_their_order()
    {
        var outcomes = await _db.ScheduleManyAsync(
        [
            Item(Lane.Medium, inSeconds: 20), Item(Lane.High, inSeconds: null), Item(Lane.Medium, inSeconds: null), Item(Lane.High, inSeconds: 20),
            Item(Lane.Medium, inSeconds: 40),
        ]);

        // In the end the high ones go now and in 30 seconds, the medium ones in the order of their times after them.
        outcomes.Select(o => At(Answer(o)) - _db.Now).ShouldBe(new[] { 20, 0, 30, 30, 120 }.Select(seconds => Duration.FromSeconds(seconds)));
    }

    private BatchItem Item(Lane lane, int? inSeconds) =>
        new(Some.Request("ann") with { Lane = lane, ScheduledFor = inSeconds is { } seconds ? _db.Now + Duration.FromSeconds(seconds) : null });

    private async Task<(Guid Id, Instant At)> ScheduleAsync(Lane lane, Instant? at = null)
    {
        var answer = Answer(await _db.ScheduleAsync(Some.Request("ann") with { Lane = lane, ScheduledFor = at }));
        return (answer.GetProperty("messageId").GetGuid(), At(answer));
    }

    private static Instant At(JsonElement answer) => NodaTime.Text.InstantPattern.ExtendedIso.Parse(answer.GetProperty("scheduledFor").GetString()!).Value;

    private static JsonElement Answer(ScheduleOutcome outcome) =>
        JsonDocument.Parse(outcome.ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;
}
