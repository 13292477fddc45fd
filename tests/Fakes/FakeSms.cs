using NodaTime;

namespace Orchestrator.Fakes;

/// <summary>An SMS that <see cref="FakeTwilio"/> has taken.</summary>
public sealed class FakeSms
{
    internal FakeSms(string sid, FakeRequest request, Instant acceptedAt)
    {
        Sid = sid;
        To = request.Field("To") ?? "";
        From = request.Field("From") ?? "";
        Body = request.Field("Body") ?? "";
        StatusCallback = request.Field("StatusCallback");
        ValidityPeriod = request.Field("ValidityPeriod");
        AcceptedAt = acceptedAt;
    }

    /// <summary>Twilio's id.</summary>
    public string Sid { get; }

    /// <summary>The recipient's number.</summary>
    public string To { get; }

    /// <summary>The sender's number.</summary>
    public string From { get; }

    /// <summary>The text as it was sent.</summary>
    public string Body { get; }

    /// <summary>Where its progress is to be reported; null: nowhere.</summary>
    public string? StatusCallback { get; }

    /// <summary>The seconds it is valid for, as sent; null: not said.</summary>
    public string? ValidityPeriod { get; }

    /// <summary>When it was taken, by the fake's clock.</summary>
    public Instant AcceptedAt { get; }

    /// <summary>When it was taken, in ticks of the machine's stopwatch: comparable between processes of one machine.</summary>
    public long AcceptedAtTicks { get; } = System.Diagnostics.Stopwatch.GetTimestamp();

    /// <summary>How far it has come, in Twilio's word.</summary>
    public string Status { get; internal set; } = "queued";

    /// <summary>Why it failed; null: it has not.</summary>
    public int? ErrorCode { get; internal set; }
}
