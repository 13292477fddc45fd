using System.Globalization;
using System.Text;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>
/// Whether a text that Twilio lists is one that this service sent. Documented: smart encoding replaces quotes, dashes, spaces, dots and
/// the like (https://www.twilio.com/docs/messaging/services/smart-encoding-char-list). Seen in answers, not documented: a trial
/// account's texts begin with a sentence of Twilio's. Assumed: letters and digits stay as they are.
/// </summary>
/// <remarks>
/// So the letters and digits are compared, from the end. A text without any is compared as it is, with or without that sentence. An
/// account that redacts its messages lists empty texts: each may be the one, and rather one message too few than one twice.
/// </remarks>
public static class SameText
{
    private const string TrialSentence = "Sent from your Twilio trial account - ";

    /// <summary>Whether the listed text is the sent one.</summary>
    public static bool Is(string sent, string listed)
    {
        if (listed.Length == 0)
            return true;

        var words = Words(sent);
        return words.Length > 0
            ? Words(listed).EndsWith(words, StringComparison.Ordinal)
            : listed.Trim() is var text && (text == sent.Trim() || text == (TrialSentence + sent.Trim()).Trim());
    }

    private static string Words(string text)
    {
        var words = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes().Where(Stays))
            words.Append(rune.ToString());
        return words.ToString();
    }

    // Modifier letters and clicks look like quotes and strokes, and are replaced by them.
    private static bool Stays(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter => true,
        UnicodeCategory.DecimalDigitNumber => true,
        UnicodeCategory.OtherLetter => rune.Value is < 0x01C0 or > 0x01C3,
        _ => false,
    };
}
