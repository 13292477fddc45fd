using System.Text.Json;
using Dapper;
using Orchestrator.Core;
using Orchestrator.Service.People;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests.People;

public sealed class UserStoreTests(PostgresServer server) : IAsyncLifetime
{
    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync() => _db = await server.CreateMigratedAsync();

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private static CancellationToken Ct => TestContext.Current.CancellationToken;

    private Task<UserOutcome> PutAsync(string id, UserChange change) => _db.NewUserStore().PutAsync(id, change, Ct);

    private async Task<UserReport> ReportAsync(string id) => (await _db.NewUserReports().ReadAsync(id, Ct)).ShouldNotBeNull();

    private Task<string?> ReasonOfAsync(Guid id) => _db.SingleAsync<string?>("SELECT reason FROM message_queue WHERE id = @id", new { id });

    [Fact]
    public async Task A_user_is_created_once_and_changed_from_then_on()
    {
        (await PutAsync("ann", new() { PhoneNumber = "+12125550123", FirstName = "Ann", Timezone = "America/New_York" })).ShouldBe(new UserOutcome(Created: true));
        (await PutAsync("ann", new() { QuietHoursStart = new LocalTime(21, 30) })).ShouldBe(new UserOutcome(Created: false));

        var report = await ReportAsync("ann");
        (report.PhoneNumber, report.FirstName, report.Timezone, report.QuietHoursStart, report.QuietHoursEnd, report.QuietHoursEnabled, report.OptedOut)
            .ShouldBe(("+12125550123", "Ann", "America/New_York", "21:30", null, true, false));
        (report.QuietHours.Start, report.QuietHours.End).ShouldBe(("21:30", "08:00"));
    }

    [Fact]
    public async Task Null_clears_and_the_configured_value_counts_again()
    {
        await PutAsync("ann", new() { Timezone = "Asia/Tokyo", HourlyLimit = 3, QuietHoursEnabled = false });

        await PutAsync("ann", new() { Timezone = new(true, null), HourlyLimit = new(true, null), QuietHoursEnabled = new(true, null) });

        var report = await ReportAsync("ann");
        (report.Timezone, report.HourlyLimit, report.QuietHoursEnabled, report.QuietHours.Timezone).ShouldBe((null, null, true, "America/New_York"));
    }

    [Fact]
    public async Task Quiet_hours_are_turned_off_by_two_equal_times_and_by_no_single_one_that_equals_the_configured_other()
    {
        var (eight, ten) = (new LocalTime(8, 0), new LocalTime(22, 0));

        (await PutAsync("ann", new() { QuietHoursStart = eight })).Problem!.Errors!["quietHoursStart"].Single().ShouldContain("08:00");
        (await PutAsync("ann", new() { QuietHoursEnd = ten })).Problem!.Errors!["quietHoursEnd"].Single().ShouldContain("22:00");
        (await _db.SingleAsync<int>("SELECT count(*)::int FROM users")).ShouldBe(0);

        (await PutAsync("ann", new() { QuietHoursStart = eight, QuietHoursEnd = eight })).Problem.ShouldBeNull();
        (await ReportAsync("ann")).QuietHours.Start.ShouldBeNull();
        (await PutAsync("ann", new() { QuietHoursEnd = new(true, null) })).Problem!.Errors!.Keys.ShouldBe(["quietHoursEnd"]);
        // Where none are wanted, that is said.
        (await PutAsync("ann", new() { QuietHoursEnd = new(true, null), QuietHoursEnabled = false })).Problem.ShouldBeNull();
        (await PutAsync("ann", new() { FirstName = "Ann" })).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task Of_requests_that_create_one_user_at_the_same_moment_one_creates_and_all_are_heeded()
    {
        for (var i = 0; i < 10; i++)
        {
            var id = $"user_{i}";
            var outcomes = await Task.WhenAll(
                PutAsync(id, new() { PhoneNumber = "+12125550123" }),
                PutAsync(id, new() { FirstName = "Ann" }),
                PutAsync(id, new() { HourlyLimit = 2 }),
                PutAsync(id, new() { DailyLimit = 9 }));

            outcomes.Count(o => o.Created).ShouldBe(1);
            outcomes.ShouldAllBe(o => o.Problem == null);
            var report = await ReportAsync(id);
            (report.PhoneNumber, report.FirstName, report.HourlyLimit, report.DailyLimit).ShouldBe(("+12125550123", "Ann", 2, 9));
        }
    }

    [Fact]
    public async Task Limits_hold_from_now_on_and_also_on_the_next_day()
    {
        await _db.AddUsersAsync("ann");
        await PutAsync("ann", new() { DailyLimit = 1 });
        await _db.QueueAsync("ann");
        await _db.QueueAsync("ann");

        (await _db.DispatchAsync()).ShouldBe(new Dispatch.DispatchResult(1, 1, 0, 0));
        _db.Now += Duration.FromDays(1);
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);

        (await ReportAsync("ann")).Budget.Day.ShouldBe(new DayReport("2025-10-16", 1, 1, 0, Instant.FromUtc(2025, 10, 17, 4, 0)));
    }

    [Fact]
    public async Task Limits_set_while_many_dispatch_lose_no_count_and_lift_no_cooldown()
    {
        await _db.AddUsersAsync("ann");
        for (var i = 0; i < 10; i++)
            await _db.QueueAsync("ann", canDelay: false);

        for (var round = 1; round <= 10; round++)
        {
            var limit = 100 + round;
            var work = Enumerable.Range(0, 6).Select(i => i % 2 == 0
                ? (Task)_db.DispatchAsync()
                : PutAsync("ann", new() { DailyLimit = limit, HourlyLimit = limit + i }));
            await Task.WhenAll(work);
            (await _db.SingleAsync<int>("SELECT count(*)::int FROM messages")).ShouldBe(round);
            _db.Now += Duration.FromSeconds(30);
        }

        (await _db.SingleAsync<(int, int, int)>("SELECT messages_sent, cardinality(recent_deliveries), daily_limit FROM user_message_budget"))
            .ShouldBe((10, 10, 110));
        (await _db.SingleAsync<int>(
            """
            SELECT count(*)::int FROM (SELECT created_at - lag(created_at) OVER (ORDER BY created_at) AS gap FROM messages) AS gaps
            WHERE gap < interval '30 seconds'
            """)).ShouldBe(0);
    }

    [Fact]
    public async Task Raising_a_limit_lets_what_it_holds_back_go_at_once()
    {
        await _db.AddUsersAsync("ann");
        await PutAsync("ann", new() { HourlyLimit = 1 });
        await _db.QueueAsync("ann");
        var held = await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        (await _db.ScheduledForAsync(held)).ShouldBe(_db.Now + Duration.FromHours(1));
        _db.Now += Duration.FromMinutes(5);

        await PutAsync("ann", new() { HourlyLimit = 2 });

        (await _db.StatusOfAsync(held)).ShouldBe("sent");
    }

    [Fact]
    public async Task Another_zone_moves_what_waits_for_the_morning_to_the_morning_there_and_no_time_asked_for_is_lost()
    {
        await _db.AddUsersAsync("ann");
        _db.Now = Instant.FromUtc(2025, 10, 16, 3, 0);
        var held = await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        (await _db.ScheduledForAsync(held)).ShouldBe(Instant.FromUtc(2025, 10, 16, 12, 0));
        var wished = await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, ScheduledFor = Instant.FromUtc(2025, 10, 16, 4, 30) });
        (await _db.ScheduledForAsync(wished)).ShouldBe(Instant.FromUtc(2025, 10, 16, 12, 0) + Duration.FromSeconds(30));

        await PutAsync("ann", new() { Timezone = "America/Los_Angeles", ChangedBy = "office" });

        // It is 20:00 there; the one goes, and the other may, an hour and a half later, before it is night.
        (await _db.StatusOfAsync(held)).ShouldBe("sent");
        (await _db.ScheduledForAsync(wished)).ShouldBe(Instant.FromUtc(2025, 10, 16, 4, 30));
        (await ReasonOfAsync(wished)).ShouldBe("not_before");
        (await _db.QueryAsync<(Guid, string, string)>(
            "SELECT context_id, output_data->>'code', output_data->>'key' FROM agent_actions_log WHERE action_type = 'message_redecided'"))
            .ShouldBe([(held, "user_changed", "office"), (wished, "user_changed", "office")], ignoreOrder: true);
    }

    [Fact]
    public async Task What_an_opt_out_calls_off_names_the_key_that_asked_for_it()
    {
        await _db.AddUsersAsync("ann");
        var waiting = await _db.QueueAsync("ann");

        await PutAsync("ann", new() { OptedOut = true, ChangedBy = "office" });

        (await _db.SingleAsync<(Guid, string, string)>(
            "SELECT context_id, output_data->>'code', output_data->>'key' FROM agent_actions_log WHERE action_type = 'message_cancelled'"))
            .ShouldBe((waiting, "opted_out", "office"));
    }

    [Fact]
    public async Task A_best_time_is_the_same_hour_in_the_new_zone()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync("""UPDATE users SET response_pattern = '{"best_hours": [15]}'""");
        var id = await ScheduleAsync(Some.Request("ann"));
        (await _db.ScheduledForAsync(id)).ShouldBe(Instant.FromUtc(2025, 10, 15, 19, 0));

        await PutAsync("ann", new() { Timezone = "America/Los_Angeles" });

        (await _db.ScheduledForAsync(id)).ShouldBe(Instant.FromUtc(2025, 10, 15, 22, 0));
        (await ReasonOfAsync(id)).ShouldBe("best_time");
    }

    [Fact]
    public async Task What_a_model_has_in_hand_and_what_no_rule_holds_stays_as_it_is()
    {
        await _db.AddUsersAsync("ann");
        var later = _db.Now + Duration.FromHours(1);
        var rendering = await _db.QueueAsync("ann", scheduledFor: later);
        var elsewhere = await _db.QueueAsync("ann", scheduledFor: later);
        await _db.ExecuteAsync("UPDATE message_queue SET reason = 'rendering', render_claim = gen_random_uuid() WHERE id = @rendering", new { rendering });

        await PutAsync("ann", new() { Timezone = "Asia/Tokyo", QuietHoursEnabled = false });

        (await _db.ScheduledForAsync(rendering)).ShouldBe(later);
        (await _db.SingleAsync<bool>("SELECT render_claim IS NOT NULL FROM message_queue WHERE id = @rendering", new { rendering })).ShouldBeTrue();
        (await _db.ScheduledForAsync(elsewhere)).ShouldBe(later);
    }

    [Fact]
    public async Task A_sequence_is_moved_whole()
    {
        await _db.AddUsersAsync("ann");
        _db.Now = Instant.FromUtc(2025, 10, 16, 3, 0);
        await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, Following = ["""{"content":"And one more."}"""] });
        (await _db.QueryAsync<string>("SELECT reason FROM message_queue")).ShouldAllBe(reason => reason == "quiet_hours");

        await PutAsync("ann", new() { QuietHoursEnabled = false });

        (await _db.QueryAsync<string>("SELECT status FROM message_queue")).ShouldBe(["sent", "sent"]);
    }

    [Fact]
    public async Task A_repeated_request_decides_nothing_anew()
    {
        await _db.AddUsersAsync("ann");
        _db.Now = Instant.FromUtc(2025, 10, 16, 3, 0);
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        var change = new UserChange { Timezone = "America/New_York", QuietHoursEnabled = true, HourlyLimit = 7 };
        await PutAsync("ann", change);
        var before = await _db.SingleAsync<long>("SELECT count(*) FROM agent_actions_log");

        await PutAsync("ann", change);

        (await _db.SingleAsync<long>("SELECT count(*) FROM agent_actions_log")).ShouldBe(before);
    }

    [Fact]
    public async Task A_new_zone_grants_no_second_day_of_messages_and_takes_none_of_the_next()
    {
        await _db.AddUsersAsync("ann");
        await PutAsync("ann", new() { DailyLimit = 2, Timezone = "Asia/Tokyo" });
        _db.Now = Instant.FromUtc(2025, 10, 15, 23, 30);
        for (var i = 0; i < 2; i++)
        {
            await _db.QueueAsync("ann");
            (await _db.DispatchAsync()).Delivered.ShouldBe(1);
            _db.Now += Duration.FromSeconds(30);
        }

        // The 16th in Tokyo is still the 15th in New York.
        await PutAsync("ann", new() { Timezone = "America/New_York", DailyLimit = 3 });

        (await ReportAsync("ann")).Budget.Day.ShouldBe(new DayReport("2025-10-15", 2, 3, 1, null));
        _db.Now = Instant.FromUtc(2025, 10, 16, 16, 0);
        (await ReportAsync("ann")).Budget.Day.ShouldBe(new DayReport("2025-10-16", 0, 3, 3, null));
        (await _db.SingleAsync<int>("SELECT sum(messages_sent)::int FROM user_message_budget")).ShouldBe(2);
    }

    [Fact]
    public async Task A_change_waits_for_a_delivery_under_way_and_counts_it()
    {
        await PutAsync("ann", new() { PhoneNumber = "+12125550123", Timezone = "Asia/Tokyo" });
        _db.Now = Instant.FromUtc(2025, 10, 15, 23, 30);
        await using var connection = await _db.DataSource.OpenConnectionAsync(Ct);
        await using var delivery = await connection.BeginTransactionAsync(Ct);
        await connection.ExecuteAsync(
            """
            SELECT FROM users WHERE id = 'ann' FOR NO KEY UPDATE;
            INSERT INTO user_message_budget (user_id, date, messages_sent, last_message_at) VALUES ('ann', '2025-10-16', 1, @now)
            """,
            new { now = _db.Now });

        var change = PutAsync("ann", new() { Timezone = "America/New_York" });
        while (await _db.SingleAsync<int>("SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0)
            await Task.Yield();
        await delivery.CommitAsync(Ct);
        await change;

        (await ReportAsync("ann")).Budget.Day.ShouldBe(new DayReport("2025-10-15", 1, null, null, null));
    }

    [Fact]
    public async Task Opting_out_cancels_what_waits_and_opting_in_lets_new_messages_go()
    {
        await _db.AddUsersAsync("ann");
        var waiting = await _db.QueueAsync("ann", scheduledFor: _db.Now + Duration.FromHours(1));

        await PutAsync("ann", new() { OptedOut = true });
        (await _db.StatusOfAsync(waiting)).ShouldBe("cancelled");
        (await ReportAsync("ann")).NextFreeSlot["urgent"].ShouldBe(new SlotReport(null, "opted_out", "The user has opted out."));

        await PutAsync("ann", new() { OptedOut = false });
        await _db.QueueAsync("ann");
        (await _db.DispatchAsync()).Delivered.ShouldBe(1);
    }

    [Fact]
    public async Task A_new_number_is_the_conversations_too_where_that_had_the_old_one()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync(
            """
            INSERT INTO conversations (id, user_id, phone_number, status) VALUES
              ('current', 'ann', '+15555550100', 'active'), ('done', 'ann', '+15555550100', 'completed'), ('other', 'ann', '+15555550199', 'active'), ('spelt', 'ann', '+1 (555) 555-0100', 'active')
            """);

        await PutAsync("ann", new() { PhoneNumber = "+12125550123" });

        (await _db.QueryAsync<string>("SELECT phone_number FROM conversations ORDER BY id")).ShouldBe(["+12125550123", "+15555550100", "+15555550199", "+12125550123"]);
    }

    [Fact]
    public async Task The_next_free_slot_of_each_lane_is_what_scheduling_then_promises()
    {
        await _db.AddUsersAsync("ann");
        await PutAsync("ann", new() { HourlyLimit = 4 });
        await _db.ExecuteAsync("""UPDATE users SET response_pattern = '{"best_hours": [17]}'""");
        foreach (var lane in (Lane[])[Lane.Low, Lane.High, Lane.Urgent, Lane.Medium, Lane.High])
            await ScheduleAsync(Some.Request("ann") with { Lane = lane });
        await ScheduleAsync(Some.Request("ann") with { Lane = Lane.High, Following = ["""{"content":"Two."}"""] });
        await _db.DispatchAsync();

        var report = await ReportAsync("ann");

        report.CooldownUntil.ShouldBe(_db.Now + Duration.FromSeconds(30));
        report.Waiting.ShouldBe(new Dictionary<string, int> { ["urgent"] = 0, ["high"] = 4, ["medium"] = 1, ["low"] = 1 }, ignoreOrder: true);
        foreach (var lane in Enum.GetValues<Lane>())
        {
            var promised = JsonDocument.Parse((await _db.ScheduleAsync(Some.Request("ann") with { Lane = lane }, dryRun: true))
                .ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement;
            var slot = report.NextFreeSlot[lane.Name()];
            slot.At.ShouldBe(NodaTime.Text.InstantPattern.ExtendedIso.Parse(promised.GetProperty("scheduledFor").GetString()!).Value, lane.Name());
            slot.Code.ShouldBe(promised.TryGetProperty("code", out var code) ? code.GetString() : null, lane.Name());
        }
    }

    [Fact]
    public async Task With_a_limit_of_nought_there_is_no_slot()
    {
        await PutAsync("ann", new() { PhoneNumber = "+12125550123", DailyLimit = 0 });

        (await ReportAsync("ann")).NextFreeSlot["high"].ShouldBe(new SlotReport(null, "daily_limit_reached", "What was delivered to the user, or goes first, uses up the daily limit."));
    }

    [Fact]
    public async Task By_whose_key_a_message_was_queued_stands_in_its_trail_and_a_repetition_may_use_another_key()
    {
        await _db.AddUsersAsync("ann");
        var first = (await _db.ScheduleAsync(Some.Request("ann") with { ScheduledBy = "concierge" }, key: "k")).ShouldBeOfType<ScheduleOutcome.Answered>();
        var again = (await _db.ScheduleAsync(Some.Request("ann") with { ScheduledBy = "other" }, key: "k")).ShouldBeOfType<ScheduleOutcome.Answered>();
        await _db.ScheduleAsync(Some.Request("ann"));

        (again.Replayed, again.Json).ShouldBe((true, first.Json));
        (await _db.QueryAsync<(string, string)>(
            "SELECT output_data->>'code', output_data->>'key' FROM agent_actions_log WHERE action_type = 'message_queued'")).ShouldBe([("queued", "concierge")]);
    }

    private async Task<Guid> ScheduleAsync(ScheduleRequest request) => JsonDocument.Parse(
        (await _db.ScheduleAsync(request)).ShouldBeOfType<ScheduleOutcome.Answered>().Json).RootElement.GetProperty("messageId").GetGuid();
}
