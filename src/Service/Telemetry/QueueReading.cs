using System.Diagnostics.Metrics;
using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Service.Postgres;

namespace Orchestrator.Service.Telemetry;

/// <summary>
/// How deep the queue is. Whoever wants to read the gauges has them refreshed first: a gauge that asked the database itself would block
/// whatever collects it. What is too old, or could not be read, is not shown at all.
/// </summary>
public sealed class QueueReading : IDisposable
{
    /// <summary>Up to so many messages are counted one by one; the figure is never greater.</summary>
    internal const int CountUpTo = 10_000;

    /// <summary>So long a reading serves everybody who asks.</summary>
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(5);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Meter _meter = new(Instruments.Name);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly NpgsqlDataSource _database;
    private readonly DatabaseClock _clock;
    private readonly DatabaseReadiness _readiness;
    private readonly TelemetrySettings _settings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private volatile Figures? _figures;

    /// <summary>Makes the gauges.</summary>
    public QueueReading(
        NpgsqlDataSource database, DatabaseClock clock, DatabaseReadiness readiness, TelemetrySettings settings, TimeProvider time, ILogger<QueueReading> logger)
    {
        (_database, _clock, _readiness, _settings, _time, _logger) = (database, clock, readiness, settings, time, logger);
        _meter.CreateObservableGauge(
            "orchestrator.queue.depth", Depths, "{message}", $"Queued messages by lane, due or waiting for their time; {CountUpTo} stands for that many or more.");
        _meter.CreateObservableGauge(
            "orchestrator.queue.oldest_due.age", Ages, "s", "How long the oldest due message of each lane has been due; 0: none is.");
        _meter.CreateObservableGauge(
            "orchestrator.outbox.depth", () => Of(f => f.Outbox.Pending), "{message}", $"Messages handed over and not sent yet; {CountUpTo} stands for that many or more.");
        _meter.CreateObservableGauge(
            "orchestrator.outbox.oldest.age", () => Of(f => Age(f, f.Outbox.OldestPending)), "s", "How long the oldest of them has been handed over; 0: there is none.");
    }

    /// <summary>Reads anew, unless that was done a moment ago. Never throws, save when given up; what could not be read is not shown.</summary>
    public async Task RefreshAsync(CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken);
        try
        {
            if (_figures is not { } known || _time.GetElapsedTime(known.ReadAt) >= Fresh)
                _figures = _readiness.IsReady ? await ReadAsync(cancellationToken) : null;
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>Whether it is one of these gauges; every reading has its own.</summary>
    internal bool Owns(Instrument instrument) => ReferenceEquals(instrument.Meter, _meter);

    /// <inheritdoc/>
    public void Dispose()
    {
        _meter.Dispose();
        _turn.Dispose();
    }

    private async Task<Figures?> ReadAsync(CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        try
        {
            await using var connection = await _database.OpenConnectionAsync(patience.Token);
            var now = (await _clock.ReadAsync(connection, patience.Token)).Now;
            await using var results = await connection.QueryMultipleAsync(new CommandDefinition(
                Sql.Batch("ReadQueueDepth", "ReadOutbox"), new { now, countUpTo = CountUpTo }, cancellationToken: patience.Token));
            return new Figures([.. await results.ReadAsync<LaneRow>()], await results.ReadSingleAsync<OutboxRow>(), now, _time.GetTimestamp());
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested)
        {
            Log.QueueNotMeasured(_logger, DatabaseErrors.Describe(e));
            return null;
        }
    }

    private Figures? Shown => _figures is { } figures && _time.GetElapsedTime(figures.ReadAt) <= _settings.LongestShown ? figures : null;

    private IEnumerable<Measurement<long>> Depths() => (Shown?.Lanes ?? []).SelectMany(lane => (Measurement<long>[])
    [
        new(lane.Due, new(Instruments.Lane, lane.Lane), new("orchestrator.state", "due")),
        new(lane.Waiting, new(Instruments.Lane, lane.Lane), new("orchestrator.state", "waiting")),
    ]);

    private IEnumerable<Measurement<double>> Ages() => Shown is { } figures
        ? figures.Lanes.Select(lane => new Measurement<double>(Age(figures, lane.OldestDue), new KeyValuePair<string, object?>(Instruments.Lane, lane.Lane)))
        : [];

    private IEnumerable<Measurement<T>> Of<T>(Func<Figures, T> value)
        where T : struct => Shown is { } figures ? [new Measurement<T>(value(figures))] : [];

    private static double Age(Figures figures, Instant? since) => since is { } at ? Math.Max(0, (figures.Now - at).TotalSeconds) : 0;

    private sealed record Figures(IReadOnlyList<LaneRow> Lanes, OutboxRow Outbox, Instant Now, long ReadAt);

    private sealed record LaneRow
    {
        public required string Lane { get; init; }

        public long Due { get; init; }

        public long Waiting { get; init; }

        public Instant? OldestDue { get; init; }
    }

    private sealed record OutboxRow
    {
        public long Pending { get; init; }

        public Instant? OldestPending { get; init; }
    }
}
