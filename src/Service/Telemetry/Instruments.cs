using System.Diagnostics.Metrics;

namespace Orchestrator.Service.Telemetry;

/// <summary>
/// What the service measures, named and labelled as OpenTelemetry does. No label has values without bound: no user, no message, no number.
/// docs/observability.md lists them all.
/// </summary>
public static class Instruments
{
    /// <summary>The name of the meter and of the source of spans.</summary>
    public const string Name = "Orchestrator";

    /// <summary>A message's lane.</summary>
    internal const string Lane = "orchestrator.lane";

    /// <summary>The code of a decision: of <see cref="Core.Reasons"/>.</summary>
    internal const string Reason = "orchestrator.reason";

    /// <summary>What was decided, in a word.</summary>
    internal const string Decision = "orchestrator.decision";

    /// <summary>What came of a request, in a word.</summary>
    internal const string Result = "orchestrator.result";

    /// <summary>The provider's code.</summary>
    internal const string Code = "orchestrator.code";

    /// <summary>What a model made of a message.</summary>
    internal const string Verdict = "orchestrator.verdict";

    private static readonly Meter Meter = new(Name);

    /// <summary>Messages queued by a request of this instance, by lane.</summary>
    internal static readonly Counter<long> Scheduled = Meter.CreateCounter<long>(
        "orchestrator.messages.scheduled", "{message}", "Messages that requests have queued.");

    /// <summary>Decisions, by lane, decision and reason.</summary>
    internal static readonly Counter<long> Decisions = Meter.CreateCounter<long>(
        "orchestrator.dispatch.decisions", "{message}", "What was decided of due messages, each time it was.");

    /// <summary>How late messages are handed over, by lane.</summary>
    internal static readonly Histogram<double> DueLag = Meter.CreateHistogram<double>(
        "orchestrator.delivery.lag", "s", "From the time a message was last scheduled for until it was handed over.", tags: null,
        Buckets(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 3600));

    /// <summary>The time of one batch, from asking for a connection to its commit.</summary>
    internal static readonly Histogram<double> BatchDuration = Meter.CreateHistogram<double>(
        "orchestrator.dispatch.batch.duration", "s", "The time of a batch in which something was due, from asking for a connection to the commit.", tags: null,
        Buckets(0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5));

    /// <summary>Messages claimed by one batch.</summary>
    internal static readonly Histogram<long> BatchSize = Meter.CreateHistogram<long>(
        "orchestrator.dispatch.batch.size", "{message}", "Messages claimed by a batch in which something was due.", tags: null,
        new InstrumentAdvice<long> { HistogramBucketBoundaries = [1, 3, 10, 30, 100, 300, 1000, 3000, 10_000] });

    /// <summary>What a model made of messages, by verdict.</summary>
    internal static readonly Counter<long> Renders = Meter.CreateCounter<long>(
        "orchestrator.render.verdicts", "{message}", "Answers of the model by what they said, or by the fault instead of one.");

    /// <summary>What calls of a model cost, by model.</summary>
    internal static readonly Counter<double> ModelCost = Meter.CreateCounter<double>(
        "orchestrator.model.cost", "{USD}", "What the model's answers cost, as far as their price is known.");

    /// <summary>The time of one call of a model.</summary>
    internal static readonly Histogram<double> ModelDuration = Meter.CreateHistogram<double>(
        "gen_ai.client.operation.duration", "s", "The time of a call of the model, from the request to the whole answer.", tags: null,
        Buckets(0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 51.2));

    /// <summary>Tokens of one call of a model, by type.</summary>
    internal static readonly Histogram<long> ModelTokens = Meter.CreateHistogram<long>(
        "gen_ai.client.token.usage", "{token}", "Tokens of a call of the model.", tags: null,
        new InstrumentAdvice<long> { HistogramBucketBoundaries = [1, 4, 16, 64, 256, 1024, 4096, 16_384, 65_536, 262_144] });

    /// <summary>Requests to the SMS provider, by what came of them.</summary>
    internal static readonly Counter<long> Sends = Meter.CreateCounter<long>(
        "orchestrator.sms.sends", "{request}", "Requests to the SMS provider by what came of them and by its code.");

    /// <summary>The time of one request to the SMS provider.</summary>
    internal static readonly Histogram<double> SendDuration = Meter.CreateHistogram<double>(
        "messaging.client.operation.duration", "s", "The time of a request to the SMS provider.", tags: null,
        Buckets(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30));

    /// <summary>What the provider reports of messages that it took.</summary>
    internal static readonly Counter<long> Reports = Meter.CreateCounter<long>(
        "orchestrator.sms.reports", "{report}", "News from the SMS provider of messages that it took, by state and by its code.");

    private static InstrumentAdvice<double> Buckets(params double[] boundaries) => new() { HistogramBucketBoundaries = boundaries };
}
