namespace Orchestrator.Service.Rendering;

/// <summary>Whether a message still makes sense. The set is closed.</summary>
/// <param name="Reason">Why, in a sentence for the trail; never for the person.</param>
public abstract record Verdict(string Reason)
{
    /// <summary>It does.</summary>
    /// <param name="Reason">Why.</param>
    /// <param name="Sms">The text of a message that has no content; null: the content goes out verbatim.</param>
    public sealed record Relevant(string Reason, string? Sms) : Verdict(Reason);

    /// <summary>It does, in another light.</summary>
    /// <param name="Reason">Why.</param>
    /// <param name="Sms">The text to send instead of the content, or of a message that has none; null: the content goes out verbatim.</param>
    public sealed record Contextual(string Reason, string? Sms) : Verdict(Reason);

    /// <summary>It does not: it is not to be sent.</summary>
    /// <param name="Reason">Why.</param>
    public sealed record Stale(string Reason) : Verdict(Reason);
}
