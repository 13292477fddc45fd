using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Telemetry;
using Orchestrator.Service.Tests.Rendering;

namespace Orchestrator.Service.Tests.Telemetry;

/// <summary>The gauges of the queue, against a real database.</summary>
public sealed class QueueReadingTests(PostgresServer server) : IAsyncLifetime
{
    private readonly ManualTime _time = new();
    private readonly DatabaseReadiness _readiness = new();
    private TestDatabase _db = null!;
    private QueueReading _reading = null!;

    public async ValueTask InitializeAsync()
    {
        _db = await server.CreateMigratedAsync();
        _readiness.Declare();
        _reading = new(_db.DataSource, new DatabaseClock(() => _db.Now), _readiness, new TelemetrySettings(), _time, NullLogger<QueueReading>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        _reading.Dispose();
        await _db.DisposeAsync();
    }

    private Task RefreshAsync() => _reading.RefreshAsync(TestContext.Current.CancellationToken);

    /// <summary>What this reading's gauges show now, by name and labels.</summary>
    private Dictionary<string, double> Shown()
    {
        var shown = new Dictionary<string, double>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (_reading.Owns(instrument))
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) => shown[Key(instrument, tags)] = value);
        listener.SetMeasurementEventCallback<double>((instrument, value, tags, _) => shown[Key(instrument, tags)] = value);
        listener.Start();
        listener.RecordObservableInstruments();
        return shown;

        static string Key(Instrument instrument, ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
            string.Join(' ', [instrument.Name["orchestrator.".Length..], .. tags.ToArray().Select(tag => tag.Value)]);
    }

    [Fact]
    public async Task Each_lane_tells_what_is_due_what_waits_and_how_long_the_oldest_has_been_due()
    {
        await _db.AddUsersAsync("ann");
        await _db.QueueAsync("ann", Lane.High, _db.Now - Duration.FromSeconds(90));
        await _db.QueueAsync("ann", Lane.High, _db.Now);
        await _db.QueueAsync("ann", Lane.High, _db.Now + Duration.FromHours(1));
        await _db.QueueAsync("ann", Lane.Low, _db.Now + Duration.FromHours(1));

        await RefreshAsync();

        var shown = Shown();
        shown["queue.depth high due"].ShouldBe(2);
        shown["queue.depth high waiting"].ShouldBe(1);
        shown["queue.oldest_due.age high"].ShouldBe(90);
        shown["queue.depth low due"].ShouldBe(0);
        shown["queue.depth low waiting"].ShouldBe(1);
        shown["queue.oldest_due.age low"].ShouldBe(0);
        shown.Keys.Count(key => key.StartsWith("queue.depth", StringComparison.Ordinal)).ShouldBe(8);
    }

    [Fact]
    public async Task What_was_handed_over_and_not_sent_is_told_with_its_age()
    {
        await _db.AddUsersAsync("ann");
        await _db.QueueAsync("ann");
        await _db.DispatchAsync();
        _db.Now += Duration.FromSeconds(7);

        await RefreshAsync();

        Shown()["outbox.depth"].ShouldBe(1);
        Shown()["outbox.oldest.age"].ShouldBe(7);
    }

    [Fact]
    public async Task More_than_can_be_counted_cheaply_is_told_as_the_bound()
    {
        await _db.AddUsersAsync("ann");
        await _db.ExecuteAsync(
            """
            INSERT INTO message_queue (user_id, agent_id, message_data, scheduled_for, priority)
            SELECT 'ann', 'a', '{"content": "Hi"}', @Now + n * interval '1 second', 'medium' FROM generate_series(1, 10500) AS n
            """,
            new { _db.Now });

        await RefreshAsync();

        Shown()["queue.depth medium waiting"].ShouldBe(QueueReading.CountUpTo);
    }

    [Fact]
    public async Task A_time_without_end_is_an_age_all_the_same()
    {
        await _db.AddUsersAsync("ann");
        await _db.QueueAsync("ann");
        await _db.ExecuteAsync("UPDATE message_queue SET scheduled_for = '-infinity'");

        await RefreshAsync();

        Shown()["queue.oldest_due.age high"].ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task The_database_is_asked_again_after_a_few_seconds_and_not_before()
    {
        await _db.AddUsersAsync("ann");
        await RefreshAsync();
        await _db.QueueAsync("ann");

        await RefreshAsync();
        Shown()["queue.depth high due"].ShouldBe(0);
        _time.Pass(TimeSpan.FromSeconds(5));
        await RefreshAsync();
        Shown()["queue.depth high due"].ShouldBe(1);
    }

    [Fact]
    public async Task What_is_old_and_what_could_not_be_read_is_not_shown()
    {
        await RefreshAsync();
        _time.Pass(TimeSpan.FromSeconds(16));
        Shown().ShouldBeEmpty();

        await RefreshAsync();
        Shown().ShouldNotBeEmpty();
        await _db.ExecuteAsync("ALTER TABLE message_queue RENAME TO gone");
        _time.Pass(TimeSpan.FromSeconds(6));
        await RefreshAsync();
        Shown().ShouldBeEmpty();
    }
}
