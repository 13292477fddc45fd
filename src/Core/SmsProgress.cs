namespace Orchestrator.Core;

/// <summary>How far an SMS has come. The order is the order of its life: a state never moves backwards.</summary>
public enum SmsState
{
    /// <summary>Handed over, waiting for the sender.</summary>
    Pending,

    /// <summary>A request for it may have gone out; whether it was taken is not known yet.</summary>
    Sending,

    /// <summary>The provider has taken it.</summary>
    Sent,

    /// <summary>The end: on the phone, or never to be.</summary>
    Ended,
}

/// <summary>Whether what the provider reports of an SMS is news. Reports come twice, late and out of order.</summary>
public static class SmsProgress
{
    /// <summary>
    /// Whether a report about an SMS changes the message. It must be about the message's present try: known by the provider's id, or, as
    /// long as that is not known, by the number of the try in the report's address.
    /// </summary>
    /// <param name="current">Where the message stands.</param>
    /// <param name="knownSid">The id of the try that was last taken; null: none is known.</param>
    /// <param name="attempts">How many tries there have been.</param>
    /// <param name="reported">The state that is reported.</param>
    /// <param name="isDelivery">Whether the report says that the phone has it.</param>
    /// <param name="reportedSid">The id that is reported.</param>
    /// <param name="reportedAttempt">The number of the try in the report's address; null: it had none.</param>
    public static bool IsNews(
        SmsState current, string? knownSid, int attempts, SmsState reported, bool isDelivery, string reportedSid, int? reportedAttempt)
    {
        // What had to be given up as unknown may turn out to have arrived after all.
        if (knownSid is null)
            return reportedAttempt == attempts && (reported > current || isDelivery);
        if (knownSid != reportedSid)
            return false;
        // Back to pending after it was taken: it failed on the way and waits for another try. That it did arrive is news, that it failed is not.
        return current == SmsState.Pending ? isDelivery : reported > current;
    }
}
