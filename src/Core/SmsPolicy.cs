using NodaTime;

namespace Orchestrator.Core;

/// <summary>What the sender needs to know of a message that was handed over.</summary>
/// <param name="Lane">The lane it was queued in; null where another program wrote the row.</param>
/// <param name="ExpiresAt">Never sent at or after it; null: never expires.</param>
/// <param name="HasPhoneNumber">Whether a number is known, the conversation's or the user's.</param>
public sealed record PendingSms(Lane? Lane, Instant? ExpiresAt, bool HasPhoneNumber);

/// <summary>What is to become of a message that was handed over and waits to be sent. The set is closed.</summary>
public abstract record SmsDecision
{
    private SmsDecision()
    {
    }

    /// <summary>Send it now.</summary>
    public sealed record Send : SmsDecision
    {
        /// <summary>The only instance.</summary>
        public static Send Now { get; } = new();
    }

    /// <summary>Wait: it is night where the person is by now.</summary>
    /// <param name="Until">The first instant outside quiet hours.</param>
    public sealed record Wait(Instant Until) : SmsDecision;

    /// <summary>Its <c>expiresAt</c> has passed since it was handed over.</summary>
    public sealed record Expire : SmsDecision
    {
        /// <summary>The only instance.</summary>
        public static Expire Now { get; } = new();
    }

    /// <summary>It can never be sent.</summary>
    /// <param name="Because">Why.</param>
    public sealed record Fail(Failure Because) : SmsDecision;
}

/// <summary>
/// Decides whether a message that was handed over may be sent now. Usually a moment has passed since the rules allowed it; but after an
/// outage of the provider it may be hours, and nobody is to be woken by what was kept.
/// </summary>
public static class SmsPolicy
{
    /// <summary>The decision at <paramref name="now"/>.</summary>
    public static SmsDecision Decide(PendingSms sms, Recipient recipient, DeliveryRules rules, Instant now)
    {
        if (sms.ExpiresAt <= now)
            return SmsDecision.Expire.Now;
        if (!sms.HasPhoneNumber)
            return new SmsDecision.Fail(Failure.NoPhoneNumber);
        if (recipient.OptedOut)
            return new SmsDecision.Fail(Failure.OptedOut);

        var quiet = recipient.QuietHours ?? rules.QuietHours;
        var exempt = recipient.IsActive(now, rules) || (sms.Lane == Lane.Urgent && rules.UrgentIgnoresQuietHours);
        return !exempt && quiet.AreOn(now, recipient.Zone)
            ? new SmsDecision.Wait(quiet.FirstOutside(now, recipient.Zone))
            : SmsDecision.Send.Now;
    }
}
