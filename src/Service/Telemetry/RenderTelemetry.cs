using System.Diagnostics;
using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Telemetry;

/// <summary>Tells of calls of the model.</summary>
internal static class RenderTelemetry
{
    private const string Provider = "anthropic";

    /// <summary>Begins the span of a call, in its message's trace; null: it has none.</summary>
    public static Activity? Begin(MessageToRender message) => Tracing.Begin("render", ActivityKind.Client, message.Trace, message.Id)
        ?.SetTag("gen_ai.operation.name", "chat").SetTag("gen_ai.provider.name", Provider);

    /// <summary>Says in the span what came of the call.</summary>
    public static void Answered(Activity? span, Outcome outcome, ModelUsage? usage)
    {
        if (span is null)
            return;

        span.SetTag(Instruments.Verdict, outcome.Code);
        if (usage is not null)
            span.SetTag("gen_ai.response.model", usage.Model);
        if (usage?.Tokens is { } tokens)
            span.SetTag("gen_ai.usage.input_tokens", InputOf(tokens)).SetTag("gen_ai.usage.output_tokens", tokens.Output);
        if (outcome is Outcome.Failed or Outcome.Paused)
            span.SetTag("error.type", outcome.Code).SetStatus(ActivityStatusCode.Error);
    }

    /// <summary>Counts a call.</summary>
    /// <param name="outcome">What came of it.</param>
    /// <param name="usage">What it took.</param>
    /// <param name="fault">The code of what was wrong; null: nothing.</param>
    /// <param name="cost">In USD; null: unknown.</param>
    public static void Count(Outcome outcome, ModelUsage usage, string? fault, decimal? cost)
    {
        Instruments.Renders.Add(1, new KeyValuePair<string, object?>(Instruments.Verdict, outcome.Code));
        if (cost is { } usd)
            Instruments.ModelCost.Add((double)usd, new KeyValuePair<string, object?>("gen_ai.response.model", usage.Model));
        if (Instruments.ModelDuration.Enabled)
        {
            var tags = Tags(usage);
            if (fault is not null)
                tags.Add("error.type", fault);
            Instruments.ModelDuration.Record(usage.LatencyMs / 1000.0, tags);
        }

        if (Instruments.ModelTokens.Enabled && usage.Tokens is { } tokens)
        {
            Instruments.ModelTokens.Record(InputOf(tokens), WithType(usage, "input"));
            Instruments.ModelTokens.Record(tokens.Output, WithType(usage, "output"));
        }
    }

    private static long InputOf(TokenCount tokens) => tokens.Input + tokens.CacheRead + tokens.CacheWrite;

    private static TagList Tags(ModelUsage usage) => new()
    {
        { "gen_ai.operation.name", "chat" }, { "gen_ai.provider.name", Provider }, { "gen_ai.response.model", usage.Model },
    };

    private static TagList WithType(ModelUsage usage, string type)
    {
        var tags = Tags(usage);
        tags.Add("gen_ai.token.type", type);
        return tags;
    }
}
