using System.Text;

namespace Orchestrator.Service.Rendering;

/// <summary>
/// Puts what people and programs wrote between tags, so that the model can tell it from what it is asked to do. Inside, every
/// <c>&lt;</c> is written <c>&amp;lt;</c>: nothing there can close the tag or open another.
/// </summary>
internal static class Fence
{
    private const string OpeningMark = "&lt;";

    /// <summary>The text between tags of that name.</summary>
    /// <param name="tag">The tag's name.</param>
    /// <param name="text">The text, whatever it holds.</param>
    /// <param name="attributes">Of the opening tag; the service's own words only.</param>
    public static string Around(string tag, string text, string attributes = "") => $"<{tag}{attributes}>{Escape(text)}</{tag}>";

    /// <summary>The text as the model may have quoted it, with the marks it stands for.</summary>
    public static string Undo(string text) => text.Replace(OpeningMark, "<", StringComparison.Ordinal);

    /// <summary>At most so many characters of the text, whole pairs of surrogates only; what is cut off leaves an ellipsis.</summary>
    public static string Cut(string text, int longest)
    {
        if (text.Length <= longest)
            return text;
        var end = longest - 1;
        return text[..(char.IsHighSurrogate(text[end - 1]) ? end - 1 : end)] + "…";
    }

    /// <summary>The text without what no JSON or no terminal bears: half surrogate pairs become U+FFFD, control characters a space.</summary>
    public static string Clean(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.ReplaceLineEndings("\n").EnumerateRunes())
            clean.Append((Rune.IsControl(rune) && rune.Value != '\n' ? new Rune(' ') : rune).ToString());
        return clean.ToString();
    }

    private static string Escape(string text) => Clean(text).Replace("<", OpeningMark, StringComparison.Ordinal);
}
