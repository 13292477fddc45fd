using NodaTime;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>How Twilio is reached, and on whose account.</summary>
/// <param name="AccountSid">The account; <c>AC…</c>.</param>
/// <param name="AuthToken">Its secret, which also signs what Twilio sends to this service.</param>
/// <param name="PhoneNumber">The number messages come from, E.164.</param>
public sealed record TwilioOptions(string AccountSid, string AuthToken, string PhoneNumber)
{
    /// <summary>Where Twilio's API is.</summary>
    public Uri BaseUrl { get; init; } = new("https://api.twilio.com");

    /// <summary>Where Twilio reaches this service; null: nowhere, and then it calls nothing back.</summary>
    public Uri? PublicBaseUrl { get; init; }

    /// <summary>How long one request may take, connecting included.</summary>
    public Duration RequestTimeout { get; init; } = Duration.FromSeconds(15);

    /// <summary>Where Twilio reports how far a request's SMS has come; null: nowhere.</summary>
    public Uri? StatusCallback(OutgoingSms sms) => PublicBaseUrl is null ? null : new Uri(string.Create(
        System.Globalization.CultureInfo.InvariantCulture,
        $"{PublicBaseUrl.AbsoluteUri.TrimEnd('/')}/twilio/status?message={sms.MessageId}&attempt={sms.Attempt}"));

    /// <summary>The time an SMS is valid for, in the whole seconds that Twilio takes: 1 to 36,000. Null: as long as Twilio likes.</summary>
    /// <remarks>https://www.twilio.com/docs/api/errors/90007</remarks>
    public static int? ValidityPeriod(OutgoingSms sms) =>
        sms.ValidFor is { } duration ? (int)Math.Clamp(Math.Floor(duration.TotalSeconds), 1, 36_000) : null;

    /// <summary>Without the secret.</summary>
    public override string ToString() => $"Twilio account {AccountSid} at {BaseUrl}";
}
