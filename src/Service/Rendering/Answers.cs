using System.Text.Json;

namespace Orchestrator.Service.Rendering;

/// <summary>
/// The form of the model's answers: the schemas it is held to, and the check that it was. The reason comes first, so that the verdict
/// follows from it.
/// </summary>
internal static class Answers
{
    private const int LongestReason = 500;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 4 };

    /// <summary>The schema of a verdict.</summary>
    public static IReadOnlyDictionary<string, JsonElement> VerdictSchema { get; } = Schema("""
        {
          "type": "object",
          "properties": {
            "reason": { "type": "string" },
            "verdict": { "type": "string", "enum": ["RELEVANT", "CONTEXTUAL", "STALE"] },
            "sms": { "type": "string" }
          },
          "required": ["reason", "verdict", "sms"],
          "additionalProperties": false
        }
        """);

    /// <summary>The schema of a text.</summary>
    public static IReadOnlyDictionary<string, JsonElement> SmsSchema { get; } = Schema("""
        {
          "type": "object",
          "properties": { "sms": { "type": "string" } },
          "required": ["sms"],
          "additionalProperties": false
        }
        """);

    /// <summary>Reads a verdict.</summary>
    /// <param name="answer">What the model wrote.</param>
    /// <param name="hasContent">Whether the message can go out verbatim; where it cannot, a text is part of the answer.</param>
    /// <param name="smsLimit">The most characters of a text.</param>
    public static Checked<Verdict> ReadVerdict(string answer, bool hasContent, int smsLimit)
    {
        if (Read(answer, "reason", "verdict", "sms") is not [var reason, var verdict, var sms] || string.IsNullOrWhiteSpace(reason))
            return ModelFaults.Malformed;

        reason = Fence.Cut(Fence.Clean(reason).Trim(), LongestReason);
        return (verdict, hasContent) switch
        {
            ("STALE", _) => new(new Verdict.Stale(reason)),
            ("RELEVANT", true) => new(new Verdict.Relevant(reason, Sms: null)),
            ("RELEVANT", false) => WithText(text => new Verdict.Relevant(reason, text)),
            ("CONTEXTUAL", true) when string.IsNullOrWhiteSpace(sms) => new(new Verdict.Contextual(reason, Sms: null)),
            ("CONTEXTUAL", _) => WithText(text => new Verdict.Contextual(reason, text)),
            _ => ModelFaults.Malformed,
        };

        Checked<Verdict> WithText(Func<string, Verdict> verdictOf)
        {
            var text = SmsText.Check(sms, smsLimit);
            return text.Fault is { } fault ? fault : new Checked<Verdict>(verdictOf(text.Value!));
        }
    }

    /// <summary>Reads a text.</summary>
    /// <param name="answer">What the model wrote.</param>
    /// <param name="smsLimit">The most characters of the text.</param>
    public static Checked<string> ReadSms(string answer, int smsLimit) =>
        Read(answer, "sms") is [var sms] ? SmsText.Check(sms, smsLimit) : ModelFaults.Malformed;

    /// <summary>The values of exactly these fields, all of them strings; null where the answer is anything else.</summary>
    private static string[]? Read(string answer, params ReadOnlySpan<string> names)
    {
        try
        {
            using var document = JsonDocument.Parse(answer, Strict);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || root.GetPropertyCount() != names.Length)
                return null;

            var values = new string[names.Length];
            for (var i = 0; i < names.Length; i++)
            {
                if (!root.TryGetProperty(names[i], out var value) || value.ValueKind != JsonValueKind.String)
                    return null;
                values[i] = value.GetString()!;
            }

            return values;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Not JSON, a field twice, or half a surrogate pair.
            return null;
        }
    }

    private static Dictionary<string, JsonElement> Schema(string json) => JsonSerializer.Deserialize<Dictionary<string, JsonElement>>(json)!;
}
