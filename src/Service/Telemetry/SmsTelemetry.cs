using System.Diagnostics;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Telemetry;

/// <summary>Tells of requests to the SMS provider, and of what it reports.</summary>
internal static class SmsTelemetry
{
    /// <summary>Begins to measure a request; its span belongs to its message's trace.</summary>
    public static Request Begin(ClaimedSms sms, SmsDelivery delivery) => new(
        Tracing.Begin("send", ActivityKind.Producer, sms.Trace, sms.Turn.MessageId), delivery.ToString().ToLowerInvariant());

    /// <summary>Counts what the provider reports.</summary>
    /// <param name="report">The news.</param>
    /// <param name="code">The code of what is wrong; null: nothing.</param>
    public static void Reported(SmsReport report, string? code)
    {
        // The provider's word is put into one of three, so that no new one of its makes a series of its own.
        var state = report.IsDelivery ? "delivered" : report.IsFailure ? "undelivered" : "under_way";
        Instruments.Reports.Add(1, new(Instruments.Result, state), new(Instruments.Code, code ?? "none"));
    }

    /// <summary>A request to the provider.</summary>
    internal readonly struct Request(Activity? span, string system) : IDisposable
    {
        private readonly long _started = Stopwatch.GetTimestamp();

        /// <summary>Tells what came of it.</summary>
        public void Answered(SmsReply reply)
        {
            var (result, code) = reply switch
            {
                SmsReply.Accepted => ("accepted", null),
                SmsReply.Refused refused => ("refused", refused.Fault.Code),
                SmsReply.Unreached => ("unreached", "unreached"),
                SmsReply.Withheld => ("withheld", null),
                SmsReply.Unknown => ("unknown", "outcome_unknown"),
                _ => throw new InvalidOperationException($"Unknown reply {reply}."),
            };
            Instruments.Sends.Add(1, new(Instruments.Result, result), new(Instruments.Code, code ?? "none"));
            // No request was made.
            if (reply is not SmsReply.Withheld && Instruments.SendDuration.Enabled)
            {
                var tags = new TagList { { "messaging.operation.name", "send" }, { "messaging.operation.type", "send" }, { "messaging.system", system } };
                if (code is not null)
                    tags.Add("error.type", code);
                Instruments.SendDuration.Record(Stopwatch.GetElapsedTime(_started).TotalSeconds, tags);
            }

            if (span is null)
                return;
            span.SetTag("messaging.operation.name", "send").SetTag("messaging.operation.type", "send").SetTag("messaging.system", system)
                .SetTag(Instruments.Result, result);
            if (code is not null)
                span.SetTag("error.type", code).SetStatus(ActivityStatusCode.Error);
        }

        /// <inheritdoc/>
        public void Dispose() => span?.Dispose();
    }
}
