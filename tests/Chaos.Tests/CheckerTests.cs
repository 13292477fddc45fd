using Dapper;
using Npgsql;
using Orchestrator.Chaos.Tests.Checking;
using Orchestrator.Chaos.Tests.Load;

namespace Orchestrator.Chaos.Tests;

/// <summary>
/// No check is one that cannot fail: a small world in which every promise is kept, and for each promise what breaks it and it alone.
/// </summary>
public sealed class CheckerTests(CheckerDatabase database) : IClassFixture<CheckerDatabase>, IAsyncLifetime
{
    private static readonly DateTime Noon = new(2026, 3, 4, 12, 0, 0, DateTimeKind.Utc);

    private readonly Ledger _ledger = new();
    private readonly List<TakenSms> _taken = [];
    private readonly Dictionary<string, Order> _orders = [];
    private readonly NpgsqlConnection _connection = database.Connection;
    private NpgsqlTransaction _transaction = null!;

    /// <summary>Each promise, and statements that break it.</summary>
    public static TheoryData<string, string> BreachesInTheDatabase => new()
    {
        { "AcceptedMeansStored", "DELETE FROM message_queue WHERE id = @waiting" },
        { "AcceptedMeansStored", "UPDATE message_queue SET user_id = 'bob' WHERE id = @waiting" },
        { "OneKeyOneMessage", "INSERT INTO message_queue SELECT (jsonb_populate_record(q, jsonb_build_object('id', gen_random_uuid()))).* FROM message_queue q WHERE id = @waiting" },
        { "OneKeyOneMessage", "UPDATE message_queue SET message_data = '{}' WHERE id = @waiting" },
        { "DeliveredOnce", "UPDATE message_queue SET status = 'queued', delivered_message_id = NULL, finished_at = NULL WHERE id = @sent" },
        { "DeliveredOnce", "DELETE FROM messages WHERE id = @sent" },
        { "DeliveredOnce", "INSERT INTO messages (conversation_id, user_id, role, content, direction, status) VALUES ('c', 'ann', 'chaos', 'x', 'outbound', 'sent')" },
        { "DeliveredOnce", "DELETE FROM agent_actions_log WHERE context_id = @sent" },
        { "DeliveredOnce", "INSERT INTO agent_actions_log (agent_type, action_type, context_id) VALUES ('message_orchestrator', 'message_delivered', @waiting)" },
        { "DeliveredOnce", "UPDATE message_queue SET status = 'failed' WHERE id = @sent" },
        { "SequencesAreWhole", "UPDATE message_queue SET status = 'queued', delivered_message_id = NULL, finished_at = NULL WHERE id = @second; DELETE FROM messages WHERE id = @second" },
        { "SequencesAreWhole", "UPDATE messages SET created_at = created_at - interval '2 microseconds' WHERE id = @second" },
        { "SequencesAreWhole", "UPDATE messages SET created_at = created_at + interval '1 second' WHERE id = @second" },
        { "SequencesAreWhole", "INSERT INTO message_queue SELECT (jsonb_populate_record(q, jsonb_build_object('id', gen_random_uuid(), 'sequence_position', 3))).* FROM message_queue q WHERE id = @second" },
        { "ThirtySecondsApart", "UPDATE messages SET created_at = created_at - interval '1 microsecond' WHERE id = @later" },
        { "NightsAreQuiet", "UPDATE users SET timezone = 'Etc/GMT-11' WHERE id = 'ann'" },
        { "NightsAreQuiet", "UPDATE users SET quiet_hours_start = '11:59', quiet_hours_end = '12:02' WHERE id = 'ann'" },
        { "NightsAreQuiet", "DELETE FROM messages WHERE direction = 'inbound'" },
        { "NightsAreQuiet", "UPDATE messages SET created_at = created_at - interval '10 minutes' WHERE direction = 'inbound'" },
        { "EachSmsOnce", "UPDATE messages SET twilio_message_sid = 'SM-other' WHERE id = @sent" },
        { "EachSmsOnce", "UPDATE messages SET status = 'failed' WHERE id = @later" },
        { "SmsAsWritten", "UPDATE messages SET content = 'Something else ' || content WHERE id = @sent" },
        { "SmsAsWritten", "UPDATE users SET phone_number = '+12125550111' WHERE id = 'ann'" },
        { "CancelledMeansUnsent", "UPDATE message_queue SET status = 'queued', finished_at = NULL WHERE id = @cancelled" },
        { "CancelledMeansUnsent", "UPDATE message_queue SET status = 'cancelled' WHERE id = @sent; UPDATE messages SET status = 'cancelled' WHERE id = @sent" },
        { "OneOfATopicWaits", "UPDATE message_queue SET topic = 'news' WHERE status = 'queued'; INSERT INTO message_queue SELECT (jsonb_populate_record(q, jsonb_build_object('id', gen_random_uuid()))).* FROM message_queue q WHERE id = @waiting" },
        { "OneOfATopicWaits", "UPDATE message_queue SET status = 'superseded', reason = 'newer_topic', topic = 'news', finished_at = now(), superseded_by_message_id = @sent WHERE id = @waiting" },
        { "BudgetsEqualDeliveries", "UPDATE user_message_budget SET messages_sent = messages_sent + 1 WHERE user_id = 'ann'" },
        { "BudgetsEqualDeliveries", "DELETE FROM user_message_budget WHERE user_id = 'ann'" },
        { "BudgetsEqualDeliveries", "UPDATE user_message_budget SET date = date - 1 WHERE user_id = 'ann'" },
        { "BudgetsEqualDeliveries", "UPDATE user_message_budget SET daily_limit = 1 WHERE user_id = 'ann'" },
        { "ReportsAreKept", "UPDATE messages SET status = 'sent' WHERE id = @sent" },
        { "NothingIsStuck", "UPDATE message_queue SET scheduled_for = @noon - interval '4 seconds' WHERE id = @waiting" },
        { "NothingIsStuck", "UPDATE message_queue SET render_claim = gen_random_uuid(), reason = 'rendering', render_until = scheduled_for WHERE id = @waiting" },
        { "NothingIsStuck", "UPDATE message_queue SET reason = NULL WHERE id = @waiting" },
        { "NothingIsStuck", "UPDATE message_queue SET scheduled_for = 'infinity' WHERE id = @waiting" },
        { "NothingIsStuck", "UPDATE message_queue SET reason = 'quiet_hours' WHERE id = @waiting" },
        { "NothingIsStuck", "UPDATE message_queue SET reason = 'sequence_unfinished', sequence_id = gen_random_uuid(), sequence_total = 1 WHERE id = @waiting" },
        { "NothingIsStuck", "UPDATE message_queue SET finished_at = NULL WHERE id = @sent" },
        { "NothingIsStuck", "UPDATE messages SET status = 'sending' WHERE id = @sent" },
        { "NothingIsStuck", "UPDATE messages SET status = 'pending' WHERE id = @sent" },
        { "NothingIsStuck", "INSERT INTO sms_turns (user_id, message_id, claim, requested_at, due_at) VALUES ('ann', @sent, gen_random_uuid(), @noon, @noon)" },
        { "NothingIsStuck", "UPDATE messages SET status = 'pending' WHERE id = @sent; INSERT INTO sms_turns (user_id, message_id, claim, due_at) VALUES ('ann', @sent, gen_random_uuid(), @noon + interval '30 seconds')" },
        { "NothingIsStuck", "UPDATE sms_gate SET stopped_at = now(), stopped_until = 'infinity', stopped_by = '20003'" },
    };

    public async ValueTask InitializeAsync()
    {
        _transaction = await _connection.BeginTransactionAsync();
        await FillAsync();
    }

    // Rolled back: the next test has a world of its own.
    public ValueTask DisposeAsync() => _transaction.DisposeAsync();

    [Fact]
    public async Task Where_every_promise_is_kept_nothing_is_found() => (await FindAsync()).ShouldBeEmpty();

    [Fact]
    public void Each_promise_is_broken_by_one_of_these_tests()
    {
        string[] broken = [.. BreachesInTheDatabase.Select(row => row.Data.Item1), .. BreachesInTheRecords.Select(row => row.Data)];

        broken.Distinct().Order().ShouldBe(Checker.Promises.Order());
    }

    [Theory]
    [MemberData(nameof(BreachesInTheDatabase))]
    public async Task What_breaks_a_promise_in_the_database_is_found(string promise, string statement)
    {
        await ExecuteAsync(statement);

        (await FindAsync()).ShouldContain(breach => breach.Promise == promise);
    }

    /// <summary>The promises that bear on what callers were told or what the provider took.</summary>
    public static TheoryData<string> BreachesInTheRecords =>
    [
        "OneKeyOneMessage", "SequencesAreWhole", "SmsThirtySecondsApart", "NightsAreQuiet", "EachSmsOnce", "SmsAsWritten", "CancelledMeansUnsent", "InItsTime",
        "OptedOutGetNothing", "ReportsAreKept", "EveryAnswerIsInTheContract",
    ];

    [Theory]
    [MemberData(nameof(BreachesInTheRecords))]
    public async Task What_breaks_a_promise_in_the_records_is_found(string promise)
    {
        Break(promise);

        (await FindAsync()).ShouldContain(breach => breach.Promise == promise);
    }

    [Fact]
    public async Task A_message_handed_over_before_its_time_is_found()
    {
        await ExecuteAsync("UPDATE messages SET created_at = created_at - interval '5 minutes' WHERE id = @later");

        (await FindAsync()).ShouldContain(breach => breach.Promise == "InItsTime");
    }

    private void Break(string promise)
    {
        switch (promise)
        {
            case "OneKeyOneMessage":
                _orders["sent"].AnsweredWith(Guid.NewGuid());
                break;
            case "SequencesAreWhole":
                Replace("second", sms => sms with { Seconds = sms.Seconds - 2 });
                break;
            case "SmsThirtySecondsApart":
                Replace("later", sms => sms with { Seconds = sms.Seconds - 2 });
                break;
            case "NightsAreQuiet":
                Replace("sleeper", sms => sms with { At = sms.At.AddMinutes(15) });
                break;
            case "EachSmsOnce":
                _taken.Add(_taken[0] with { Sid = "SM-again" });
                break;
            case "SmsAsWritten":
                Replace("sent", sms => sms with { Body = "Something else." });
                break;
            case "CancelledMeansUnsent":
                _orders["waiting"].IsCancelled = true;
                break;
            case "InItsTime":
                _ledger.Add(_orders["sent"] with { ExpiresAt = Noon.AddMinutes(-1) });
                break;
            case "OptedOutGetNothing":
                _ledger.AddOptOut("ann", Noon.AddMinutes(-2));
                break;
            case "ReportsAreKept":
                _ledger.AddReport(IdOf("later"), "undelivered");
                break;
            case "EveryAnswerIsInTheContract":
                _ledger.AddOddAnswer("500");
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(promise), promise, message: null);
        }
    }

    /// <summary>
    /// Ann has got one message and half a minute later another, and one waits for its slot; one was cancelled. Bob has got a sequence. Sue, for whom
    /// it is night, has written and got an answer.
    /// </summary>
    private async Task FillAsync()
    {
        await ExecuteAsync(
            """
            INSERT INTO users (id, phone_number, timezone) VALUES
              ('ann', '+12125550101', 'UTC'), ('bob', '+12125550102', 'UTC'), ('sue', '+12125550103', 'Etc/GMT-12');
            INSERT INTO messages (conversation_id, user_id, role, content, direction, created_at)
            VALUES ('c', 'sue', 'user', 'Are you there?', 'inbound', @noon - interval '5 minutes');
            """);
        await DeliverAsync("sent", "ann", Noon.AddMinutes(-1));
        await DeliverAsync("later", "ann", Noon.AddSeconds(-30), notBefore: Noon.AddMinutes(-1));
        await QueueAsync("waiting", "ann", "'queued'", "@at + interval '25 seconds'", "'cooldown'", "NULL", Noon);
        await QueueAsync("cancelled", "ann", "'cancelled'", "@at", "'cancelled_by_caller'", "@at", Noon);
        _orders["cancelled"].IsCancelled = true;
        await DeliverAsync("first", "bob", Noon.AddMinutes(-1), place: 1);
        await DeliverAsync("second", "bob", Noon.AddMinutes(-1).AddMicroseconds(1), place: 2);
        await DeliverAsync("sleeper", "sue", Noon.AddMinutes(-1));
        await ExecuteAsync(
            """
            INSERT INTO user_message_budget (user_id, date, messages_sent) VALUES
              ('ann', '2026-03-04', 2), ('bob', '2026-03-04', 1), ('sue', '2026-03-04', 1)
            """);
        _ledger.AddReport(IdOf("sent"), "delivered");
    }

    private async Task DeliverAsync(string name, string userId, DateTime at, int? place = null, DateTime? notBefore = null)
    {
        await QueueAsync(name, userId, "'sent'", "@at", "'delivered'", "@at", at, place, notBefore);
        var order = _orders[name];
        await _connection.ExecuteAsync(
            """
            INSERT INTO messages (id, conversation_id, user_id, role, content, direction, status, twilio_message_sid, created_at)
            VALUES (@id, 'c', @userId, 'chaos', @text, 'outbound', 'delivered', 'SM-' || @name, @at);
            INSERT INTO agent_actions_log (agent_type, action_type, context_id) VALUES ('message_orchestrator', 'message_delivered', @id);
            """,
            new { id = IdOf(name), userId, text = order.Text, name, at });
        _taken.Add(new TakenSms(
            "SM-" + name, IdOf(name), userId switch { "ann" => "+12125550101", "bob" => "+12125550102", _ => "+12125550103" }, order.Text!,
            at.AddSeconds(1), (at.AddSeconds(1) - DateTime.UnixEpoch).TotalSeconds));
    }

    private async Task QueueAsync(
        string name, string userId, string status, string scheduledFor, string reason, string finishedAt, DateTime at, int? place = null,
        DateTime? notBefore = null)
    {
        var order = new Order(_ledger.NextReference(), userId) { Key = name, NotBefore = notBefore, Text = $"Message {name}" };
        order = order with { Text = $"Message {order.Reference}." };
        var id = Guid.CreateVersion7();
        order.AnsweredWith(id);
        _orders.Add(name, order);
        _ledger.Add(order);
        await _connection.ExecuteAsync(
            $"""
            INSERT INTO message_queue (id, user_id, agent_id, message_data, status, scheduled_for, reason, finished_at, created_at,
              sequence_id, sequence_position, sequence_total, delivered_message_id)
            VALUES (@id, @userId, 'chaos_agent', jsonb_build_object('content', @text, 'reference', @reference), {status}, {scheduledFor}, {reason},
              {finishedAt}, @at, CASE WHEN @place IS NOT NULL THEN md5('sequence')::uuid END, @place, CASE WHEN @place IS NOT NULL THEN 2 END, CASE WHEN {status} = 'sent' THEN @id END)
            """,
            new { id, userId, text = order.Text, reference = order.Reference, at, place });
    }

    private Guid IdOf(string name) => _orders[name].Ids.First();

    private void Replace(string name, Func<TakenSms, TakenSms> change)
    {
        var index = _taken.FindIndex(sms => sms.MessageId == IdOf(name));
        _taken[index] = change(_taken[index]);
    }

    private Task<int> ExecuteAsync(string statement)
    {
        var parameters = new DynamicParameters(new { noon = Noon });
        foreach (var name in _orders.Keys.Where(name => statement.Contains($"@{name}", StringComparison.Ordinal)))
            parameters.Add(name, IdOf(name));
        return _connection.ExecuteAsync(statement, parameters);
    }

    private async Task<IReadOnlyList<Breach>> FindAsync()
    {
        await database.Checker.TakeAsync(_ledger, _taken);
        return await database.Checker.FindAllAsync(Noon);
    }
}
