using NodaTime;

namespace Orchestrator.Service.Sms;

/// <summary>Who sends what was handed over.</summary>
public enum SmsDelivery
{
    /// <summary>This service, through Twilio.</summary>
    Twilio,

    /// <summary>Somebody else: pending rows are left alone.</summary>
    External,

    /// <summary>Nobody: each SMS is told in the log and counts as sent. For local use.</summary>
    Log,
}

/// <summary>How SMS are sent.</summary>
public sealed record SmsSettings
{
    /// <summary>Who sends.</summary>
    public SmsDelivery Delivery { get; init; } = SmsDelivery.External;

    /// <summary>How many requests all instances together make in a second, at most.</summary>
    public int PerSecond { get; init; } = 10;

    /// <summary>How many messages one instance is busy with at once, at most.</summary>
    public int Concurrency { get; init; } = 10;

    /// <summary>How many requests are made for one message, at most.</summary>
    public int Tries { get; init; } = 5;

    /// <summary>How long an answer of the provider is waited for.</summary>
    public Duration Timeout { get; init; } = Duration.FromSeconds(10);

    /// <summary>
    /// How long after a request without an answer the provider may still show that it took it. Only when it shows nothing after
    /// that long does the request count as not taken, and is made again.
    /// </summary>
    public Duration SettleAfter { get; init; } = Duration.FromSeconds(60);
}
