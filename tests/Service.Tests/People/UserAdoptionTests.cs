using Dapper;
using Orchestrator.Service.People;
using Orchestrator.Service.Postgres;
using static Orchestrator.Service.Tests.AdoptedDatabase;

namespace Orchestrator.Service.Tests.People;

/// <summary>Users of a database whose table of users is somebody else's.</summary>
public sealed class UserAdoptionTests(PostgresServer server) : IAsyncLifetime
{
    private const string NewUser = "f0000000-0000-4000-8000-000000000009";

    private TestDatabase _db = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateAdoptableAsync();
        await new Migrator(_db.DataSource).MigrateAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => _db.DisposeAsync();

    private Task<UserOutcome> PutAsync(string id, UserChange change) => _db.NewUserStore().PutAsync(id, change, TestContext.Current.CancellationToken);

    private Task<UserReport?> ReportAsync(string id) => _db.NewUserReports().ReadAsync(id, TestContext.Current.CancellationToken);

    [Fact]
    public async Task Users_are_created_and_changed_and_what_this_service_does_not_know_stays()
    {
        (await PutAsync(NewUser.ToUpperInvariant(), new() { PhoneNumber = "+12125550199", Timezone = "America/Denver" })).ShouldBe(new UserOutcome(Created: true));
        (await PutAsync(Ann, new() { FirstName = "Anna", QuietHoursStart = new LocalTime(23, 0), DailyLimit = 9 })).ShouldBe(new UserOutcome(Created: false));

        (await ReportAsync(NewUser)).ShouldNotBeNull().PhoneNumber.ShouldBe("+12125550199");
        (await _db.SingleAsync<(string, string, bool)>("SELECT first_name, email, verified FROM users WHERE id = @Ann::uuid", new { Ann }))
            .ShouldBe(("Anna", "ann@example.com", true));
        var report = (await ReportAsync(Ann)).ShouldNotBeNull();
        (report.QuietHoursStart, report.DailyLimit, report.HourlyLimit).ShouldBe(("23:00", 9, 2));
    }

    [Fact]
    public async Task Limits_are_written_into_the_row_of_the_day_and_its_count_stays()
    {
        await _db.ExecuteAsync("UPDATE message_queue SET status = 'cancelled' WHERE status = 'queued'");

        await PutAsync(Bob, new() { HourlyLimit = new(true, null), DailyLimit = 8 });

        (await _db.QueryAsync<(LocalDate, int, int?, int?)>(
            "SELECT date, messages_sent, hourly_limit, daily_limit FROM user_message_budget WHERE user_id = @Bob::uuid", new { Bob }))
            .ShouldBe([(new LocalDate(2025, 10, 15), 1, null, 8)]);
    }

    [Fact]
    public async Task A_number_that_is_another_users_is_refused_where_the_table_takes_each_once()
    {
        (await PutAsync(Bob, new() { PhoneNumber = "+12125550101" })).Problem.ShouldNotBeNull().Code.ShouldBe("phone_number_taken");
        (await PutAsync(NewUser, new() { PhoneNumber = "+12125550101" })).Problem.ShouldNotBeNull().Status.ShouldBe(409);

        (await _db.SingleAsync<string>("SELECT phone_number FROM users WHERE id = @Bob::uuid", new { Bob })).ShouldBe("+12125550102");
        (await ReportAsync(NewUser)).ShouldBeNull();
    }

    [Fact]
    public async Task What_the_table_needs_is_named()
    {
        (await PutAsync(NewUser, new() { FirstName = "New" })).Problem.ShouldNotBeNull().Errors.ShouldNotBeNull().Keys.ShouldBe(["phoneNumber"]);
        (await PutAsync(Bob, new() { PhoneNumber = new(true, null) })).Problem.ShouldNotBeNull().Status.ShouldBe(400);

        await _db.ExecuteAsync(
            """
            UPDATE users SET company = 'Lumen Labs';
            ALTER TABLE users ALTER COLUMN company SET NOT NULL, ADD COLUMN tier integer NOT NULL DEFAULT 1;
            """);
        var problem = (await PutAsync(NewUser, new() { PhoneNumber = "+12125550199" })).Problem.ShouldNotBeNull();
        (problem.Status, problem.Code).ShouldBe((422, "user_refused"));
        problem.Detail.ShouldNotBeNull().ShouldContain("without company,");
        (await PutAsync(Bob, new() { FirstName = "Robert" })).Problem.ShouldBeNull();
        (await PutAsync(Bob, new() { PhoneNumber = new(true, null) })).Problem.ShouldNotBeNull().Errors.ShouldNotBeNull().Keys.ShouldBe(["phoneNumber"]);
    }

    [Fact]
    public async Task What_a_request_leaves_out_gets_the_tables_own_default()
    {
        await _db.ExecuteAsync(
            """
            UPDATE users SET timezone = 'America/Denver', quiet_hours_start = '21:00';
            ALTER TABLE users ALTER COLUMN timezone SET DEFAULT 'America/Denver', ALTER COLUMN timezone SET NOT NULL,
              ALTER COLUMN quiet_hours_start SET DEFAULT '21:00', ALTER COLUMN quiet_hours_start SET NOT NULL;
            """);

        (await PutAsync(NewUser, new() { PhoneNumber = "+12125550199", QuietHoursEnd = new LocalTime(7, 30) })).ShouldBe(new UserOutcome(Created: true));

        var report = (await ReportAsync(NewUser)).ShouldNotBeNull();
        (report.Timezone, report.QuietHoursStart, report.QuietHoursEnd).ShouldBe(("America/Denver", "21:00", "07:30"));
        (await PutAsync(NewUser, new() { Timezone = new(true, null) })).Problem.ShouldNotBeNull().Errors.ShouldNotBeNull().Keys.ShouldBe(["timezone"]);
    }

    [Fact]
    public async Task What_a_constraint_or_a_trigger_refuses_is_refused()
    {
        await _db.ExecuteAsync("ALTER TABLE users ADD CONSTRAINT first_names_are_short CHECK (length(first_name) < 10)");

        var problem = (await PutAsync(Bob, new() { FirstName = "Bartholomew", DailyLimit = 77 })).Problem.ShouldNotBeNull();

        (problem.Status, problem.Code).ShouldBe((422, "user_refused"));
        problem.Detail.ShouldNotBeNull().ShouldContain("first_names_are_short");
        (await ReportAsync(Bob)).ShouldNotBeNull().DailyLimit.ShouldBe(5);
    }

    [Fact]
    public async Task Opting_out_under_a_new_number_waits_for_what_a_sender_records_of_the_user_and_neither_fails()
    {
        await _db.ExecuteAsync("UPDATE messages SET status = 'pending' WHERE direction = 'outbound' AND user_id = @Ann::uuid", new { Ann });
        await using var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        await using var sender = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken);
        await connection.ExecuteAsync("UPDATE messages SET status = 'pending' WHERE direction = 'outbound' AND user_id = @Ann::uuid", new { Ann });

        var change = PutAsync(Ann, new() { PhoneNumber = "+12125550188", OptedOut = true });
        await _db.UntilSomebodyWaitsForALockAsync();
        // The trail's rows refer to users, whose numbers are a key of theirs.
        await connection.ExecuteAsync(
            "INSERT INTO agent_actions_log (agent_type, action_type, user_id) VALUES ('message_orchestrator', 'sms_deferred', @Ann::uuid)", new { Ann });
        await sender.CommitAsync(TestContext.Current.CancellationToken);

        (await change).Problem.ShouldBeNull();
        (await ReportAsync(Ann)).ShouldNotBeNull().OptedOut.ShouldBeTrue();
    }

    [Fact]
    public async Task An_SMS_that_waits_for_the_morning_is_looked_at_again_and_one_that_a_sender_is_at_is_not_waited_for()
    {
        await _db.ExecuteAsync(
            """
            UPDATE messages SET status = 'pending', sms_error = 'quiet_hours' WHERE id = (SELECT id FROM messages WHERE direction = 'outbound' AND user_id = @Ann::uuid LIMIT 1);
            INSERT INTO sms_turns (user_id, message_id, claim, due_at)
            SELECT user_id, id, gen_random_uuid(), @until FROM messages WHERE sms_error = 'quiet_hours'
            """,
            new { Ann, until = _db.Now + Duration.FromHours(8) });
        await using (var connection = await _db.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken))
        await using (var sender = await connection.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await connection.ExecuteAsync("SELECT FROM sms_turns FOR UPDATE");
            (await PutAsync(Ann, new() { PhoneNumber = "+12125550188", Timezone = "America/Denver" })).Problem.ShouldBeNull();
        }

        await PutAsync(Ann, new() { Timezone = "America/Los_Angeles" });

        (await _db.SingleAsync<Instant>("SELECT due_at FROM sms_turns")).ShouldBe(_db.Now);
    }

    [Fact]
    public async Task An_id_that_is_no_uuid_is_refused_and_is_nobodys()
    {
        (await PutAsync("user_123", new() { PhoneNumber = "+12125550199" })).Problem.ShouldNotBeNull().Errors.ShouldNotBeNull().Keys.ShouldBe(["id"]);
        (await ReportAsync("user_123")).ShouldBeNull();
    }
}
