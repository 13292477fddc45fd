using Dapper;
using Microsoft.Extensions.Logging;
using NodaTime;
using Npgsql;
using Orchestrator.Core;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Sms.Twilio;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Sms;

/// <summary>What the provider reports of an SMS.</summary>
/// <param name="Sid">The provider's id.</param>
/// <param name="Status">The provider's word, lower case: <c>queued</c>, <c>sent</c>, <c>delivered</c>, <c>undelivered</c>, <c>failed</c> …</param>
/// <param name="ErrorCode">Why it failed; null: it has not.</param>
/// <param name="MessageId">The message that the report's address names; null: none.</param>
/// <param name="Attempt">The try that the report's address names; null: none.</param>
public sealed record SmsReport(string Sid, string Status, int? ErrorCode, Guid? MessageId, int? Attempt)
{
    /// <summary>Whether the phone has it.</summary>
    public bool IsDelivery => Status is "delivered" or "read";

    /// <summary>Whether it never will.</summary>
    public bool IsFailure => Status is "undelivered" or "failed" or "canceled";

    /// <summary>The state it speaks of. Everything before the end means that the provider has it.</summary>
    public SmsState State => IsDelivery || IsFailure ? SmsState.Ended : SmsState.Sent;
}

/// <summary>Takes the provider's reports into account, whatever order they come in and however often.</summary>
public sealed class SmsReports(
    NpgsqlDataSource database, DatabaseClock clock, OptOuts optOuts, SendSignal signal, Settings settings, ILogger<SmsReports> logger)
{
    /// <summary>Takes one report. One that tells nothing new changes nothing.</summary>
    /// <exception cref="NpgsqlException">The database is out of reach; nothing has changed.</exception>
    public async Task TakeAsync(SmsReport report, CancellationToken cancellationToken)
    {
        // First, so that nobody who has told the provider to stop is written to because this was interrupted.
        if (report is { IsFailure: true, ErrorCode: { } code } && TwilioErrors.Classify(code, null).Kind == SmsFaultKind.OptedOut
            && await ReadNewsAsync(report, cancellationToken) is { } refused)
        {
            await optOuts.OptOutAsync(refused.UserId, cancellationToken);
        }

        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        if (await ReadNewsAsync(connection, transaction, report, cancellationToken) is not { } message)
        {
            await transaction.CommitAsync(cancellationToken);
            return;
        }

        var now = (await clock.ReadAsync(connection, cancellationToken)).Now;
        var fault = report.IsFailure ? FaultOf(report) : null;
        if (fault is not null && RetryAt(fault, message, now) is { } until)
            await RetryAsync(fault, until);
        else
            await RecordAsync();
        SmsTelemetry.Reported(report, fault?.Code);
        signal.Set();

        async Task RetryAsync(SmsFault fault, Instant until)
        {
            var isOurs = fault.Kind == SmsFaultKind.Configuration;
            var stoppedUntil = StoppedUntil(message, now);
            // The gate before the turn, as claims lock them.
            if (isOurs)
                await ExecuteAsync("StopSending", new { code = fault.Code, message.Stops, opensOnDelivery = true, until = stoppedUntil, now });
            await ExecuteAsync("RetryUndelivered", new
            {
                messageId = message.Id,
                report.Sid,
                code = fault.Code,
                reason = fault.Sentence,
                until,
                uncounted = isOurs ? 1 : 0,
                keepsTurn = isOurs,
                now,
            });
            await transaction.CommitAsync(cancellationToken);

            Log.SmsDeferred(logger, message.Id, message.UserId, fault.Code, until);
            if (isOurs)
                Log.SendingStopped(logger, fault.Code, fault.Sentence, stoppedUntil);
        }

        async Task RecordAsync()
        {
            var status = report.IsDelivery ? "delivered" : report.IsFailure ? report.Status == "undelivered" ? "undelivered" : "failed" : "sent";
            await ExecuteAsync("RecordSmsReport", new
            {
                messageId = message.Id,
                report.Sid,
                status,
                code = fault?.Code,
                reason = fault?.Sentence,
                now,
            });
            await transaction.CommitAsync(cancellationToken);

            if (fault is null)
                Log.SmsReported(logger, message.Id, message.UserId, status);
            else
                Log.SmsEnded(logger, message.Id, message.UserId, status, fault.Code);
        }

        Task<int> ExecuteAsync(string statement, object parameters) => connection.ExecuteAsync(Command(statement, parameters));

        CommandDefinition Command(string statement, object parameters) =>
            new(Sql.Query(statement), parameters, transaction, cancellationToken: cancellationToken);
    }

    private async Task<ReportedRow?> ReadNewsAsync(SmsReport report, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        return await ReadNewsAsync(connection, transaction, report, cancellationToken);
    }

    /// <summary>The message that the report is about, locked; null: it is about none of ours, or tells nothing new.</summary>
    private static async Task<ReportedRow?> ReadNewsAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, SmsReport report, CancellationToken cancellationToken)
    {
        var message = await connection.QueryFirstOrDefaultAsync<ReportedRow>(new CommandDefinition(
            Sql.Query("FindReportedSms"), new { report.MessageId, report.Attempt, report.Sid }, transaction, cancellationToken: cancellationToken));
        return message is not null && SmsProgress.IsNews(
            message.State, message.Sid, message.Attempts, report.State, report.IsDelivery, report.Sid, report.Attempt) ? message : null;
    }

    private static SmsFault FaultOf(SmsReport report) => report.ErrorCode is { } code
        ? TwilioErrors.Classify(code, null)
        : new SmsFault(SmsFaultKind.Permanent, report.Status, "The provider reports that the message could not be delivered, and no reason.");

    /// <summary>Until when a fault of ours stops all sending.</summary>
    private static Instant StoppedUntil(ReportedRow message, Instant now) => now + SmsRetries.Stop(message.Stops);

    /// <summary>When the message is tried again; null: it is not. What another program sent is that program's to repeat.</summary>
    private Instant? RetryAt(SmsFault fault, ReportedRow message, Instant now) => fault.Kind switch
    {
        _ when settings.Sms.Delivery != SmsDelivery.Twilio || message.Attempts == 0 => null,
        SmsFaultKind.Later => SmsRetries.NextTry(message.Tries, settings.Sms.Tries, null, now),
        SmsFaultKind.Configuration when !SmsStops.IsItsOwnFault(fault, message.Error, message.ErrorAt, message.ResumedAt) =>
            StoppedUntil(message, now) + SmsStops.LetOthersGoFirst(fault),
        _ => null,
    };

    private sealed record ReportedRow
    {
        public Guid Id { get; init; }

        public required string UserId { get; init; }

        public required string Status { get; init; }

        public string? Sid { get; init; }

        public int Attempts { get; init; }

        public int Tries { get; init; }

        public string? Error { get; init; }

        public Instant? ErrorAt { get; init; }

        public int Stops { get; init; }

        public Instant? ResumedAt { get; init; }

        public SmsState State => Status switch
        {
            "pending" => SmsState.Pending,
            "sending" => SmsState.Sending,
            "sent" => SmsState.Sent,
            _ => SmsState.Ended,
        };
    }
}
