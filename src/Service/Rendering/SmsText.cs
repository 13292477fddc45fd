using System.Text;
using System.Text.RegularExpressions;

namespace Orchestrator.Service.Rendering;

/// <summary>What the model wrote for a person, checked before anybody gets it.</summary>
internal static partial class SmsText
{
    /// <summary>The text fit to be sent, or why it is not.</summary>
    /// <param name="raw">As the model wrote it.</param>
    /// <param name="limit">The most characters of it; never more than <see cref="ModelOptions.LongestSms"/>.</param>
    public static Checked<string> Check(string raw, int limit)
    {
        // Checked as it would be sent: what the fence had taken apart may be a tag again.
        var text = Fence.Undo(OverridesOfDirection().Replace(Fence.Clean(raw), "").Trim());
        if (!text.EnumerateRunes().Any(SaysSomething))
            return ModelFaults.Empty;
        if (RawData().IsMatch(text))
            return ModelFaults.RawData;
        return text.Length > Math.Min(limit, ModelOptions.LongestSms) ? ModelFaults.TooLong : new Checked<string>(text);
    }

    /// <summary>Punctuation, spaces and marks of direction alone are no text; one emoji is.</summary>
    private static bool SaysSomething(Rune rune) => Rune.IsLetterOrDigit(rune) || Rune.IsSymbol(rune);

    /// <summary>Braces, nothing but a JSON array, a JSON field, a block of code, or one of the prompt's own tags.</summary>
    [GeneratedRegex(
        """[{}]|^\[.*\]$|"[\w.$-]+"\s*:\s*("|\[|-?\d|true\b|false\b|null\b)|```|</?(first_name|local_time|summary|conversation|turn|message|content|data)\b""",
        RegexOptions.Singleline | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex RawData();

    /// <summary>They make a text read other than it is written; scripts that run from right to left do without.</summary>
    [GeneratedRegex("[\u202a-\u202e]", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex OverridesOfDirection();
}
