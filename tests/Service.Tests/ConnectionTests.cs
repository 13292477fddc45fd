using System.Text.Json;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Scheduling;

namespace Orchestrator.Service.Tests;

public sealed class ConnectionTests(PostgresServer server)
{
    [Theory]
    [InlineData("Host=db")]
    [InlineData("postgres://me:secret@db/main")]
    public void Time_outs_are_the_services_own_where_the_setting_names_none(string setting)
    {
        var read = new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse(setting));

        (read.Timeout, read.CommandTimeout).ShouldBe((5, 15));
    }

    [Theory]
    [InlineData("Host=db;Timeout=7;Command Timeout=8")]
    [InlineData("Server=db;Timeout=7;CommandTimeout=8")]
    [InlineData("postgres://me:secret@db/main?connect_timeout=7&command_timeout=8")]
    public void Time_outs_that_the_setting_names_stay(string setting)
    {
        var read = new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse(setting));

        (read.Timeout, read.CommandTimeout).ShouldBe((7, 8));
    }

    [Fact]
    public void A_URL_is_read_with_its_escapes_and_its_query()
    {
        var read = new NpgsqlConnectionStringBuilder(ConnectionStrings.Parse("postgresql://me%40corp:p%2Fw%3A1@db.example:6543/my%20db?sslmode=verify-full"));

        (read.Host, read.Port, read.Username, read.Password, read.Database, read.SslMode)
            .ShouldBe(("db.example", 6543, "me@corp", "p/w:1", "my db", SslMode.VerifyFull));
    }

    [Theory]
    [InlineData("mysql://me:secret@db/main")]
    [InlineData("postgres://me:secret@db/main?nonsense=1")]
    [InlineData("Server;secret")]
    [InlineData("Password=secret")]
    public void What_is_no_connection_string_is_refused_without_its_secret(string setting) =>
        Should.Throw<FormatException>(() => ConnectionStrings.Parse(setting)).Message.ShouldNotContain("secret");

    [Fact]
    public async Task Urgent_requests_in_greater_number_than_connections_all_go_out_at_once()
    {
        await using var database = await server.CreateMigratedAsync();
        await using var db = new TestDatabase(new NpgsqlConnectionStringBuilder(database.ConnectionString) { MaxPoolSize = 4 }.ConnectionString);
        string[] users = [.. Enumerable.Range(0, 20).Select(i => $"user_{i}")];
        await db.AddUsersAsync(users);

        // A request that held a connection while it waits for another would leave none for anybody.
        var outcomes = await Task.WhenAll(users.Select(user => db.ScheduleAsync(Some.Request(user) with { Lane = Lane.Urgent })));

        outcomes.Cast<ScheduleOutcome.Answered>()
            .Select(answer => JsonDocument.Parse(answer.Json).RootElement.GetProperty("status").GetString())
            .ShouldAllBe(status => status == "sent");
    }
}
