namespace Orchestrator.Core;

/// <summary>What an inbound message says about being written to.</summary>
public enum OptOutWish
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>To get nothing more.</summary>
    Stop,

    /// <summary>To be written to again.</summary>
    Start,
}

/// <summary>The words by which people opt out and in again: those that Twilio's default handling knows, so that both always agree.</summary>
public static class OptOutWords
{
    private static readonly HashSet<string> Stop =
        ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"];

    private static readonly HashSet<string> Start = ["START", "UNSTOP", "YES"];

    /// <summary>
    /// The wish that a whole message stands for; a sentence in which such a word occurs is none. Case, spaces and punctuation do not count.
    /// </summary>
    public static OptOutWish Read(string text)
    {
        var word = string.Concat(text.Where(char.IsLetterOrDigit)).ToUpperInvariant();
        return Stop.Contains(word) ? OptOutWish.Stop
            : Start.Contains(word) ? OptOutWish.Start
            : OptOutWish.None;
    }
}
