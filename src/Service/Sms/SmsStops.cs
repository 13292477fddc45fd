using NodaTime;

namespace Orchestrator.Service.Sms;

/// <summary>
/// Faults that are ours to mend (a wrong token, a number that is not registered) stop all sending, and nothing is lost. But the fault may be
/// one message's own: a text that carriers filter. Then the others must not wait for it.
/// </summary>
internal static class SmsStops
{
    /// <summary>
    /// How long after a stop a message that met such a fault lets others be tried first. Where it may be the fault itself, long enough for these
    /// to count as through, though nobody reports them as delivered.
    /// </summary>
    public static Duration LetOthersGoFirst(SmsFault fault) =>
        fault.MayBeTheMessagesOwn ? SmsLedger.QuietAfterTaken + Duration.FromMinutes(1) : Duration.FromSeconds(30);

    /// <summary>Whether a message that meets such a fault had met the same one before, and others have got through since.</summary>
    /// <param name="fault">The fault it meets.</param>
    /// <param name="earlierFault">The code that last kept the message back; null: none did.</param>
    /// <param name="faultAt">When that was; null: never.</param>
    /// <param name="resumedAt">When a message last got through after a stop; null: none has.</param>
    public static bool IsItsOwnFault(SmsFault fault, string? earlierFault, Instant? faultAt, Instant? resumedAt) =>
        fault.MayBeTheMessagesOwn && fault.Code == earlierFault && faultAt < resumedAt;
}
