using System.Globalization;
using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Sms;

/// <summary>
/// Faults that are ours to mend (a wrong token, a number that is not registered) stop all sending, and nothing is lost. But the fault may be
/// one message's own: a text that carriers filter. Then the others must not wait for it.
/// </summary>
internal static class SmsStops
{
    /// <summary>A message that met such a fault lets others be tried first.</summary>
    public static readonly Duration LetOthersGoFirst = Duration.FromSeconds(30);

    /// <summary>Whether a message that meets such a fault had met one before, and others have got through since.</summary>
    /// <param name="earlierFault">The code that last kept the message back; null: none did.</param>
    /// <param name="faultAt">When that was; null: never.</param>
    /// <param name="resumedAt">When sending last went on after a stop; null: never.</param>
    public static bool IsItsOwnFault(string? earlierFault, Instant? faultAt, Instant? resumedAt) =>
        int.TryParse(earlierFault, NumberStyles.None, CultureInfo.InvariantCulture, out var code)
        && TwilioErrors.Classify(code, null).Kind == SmsFaultKind.Configuration
        && faultAt < resumedAt;
}
