using System.Diagnostics;
using Orchestrator.Chaos.Tests.Faults;
using Orchestrator.Fakes;

namespace Orchestrator.Chaos.Tests.Checking;

/// <summary>An SMS that the provider has taken, whatever it answered.</summary>
/// <param name="Sid">The provider's id.</param>
/// <param name="MessageId">The message that it belongs to; null: none.</param>
/// <param name="Recipient">The number that it went to.</param>
/// <param name="Body">Its text.</param>
/// <param name="At">When, by the clock on the wall.</param>
/// <param name="Seconds">When, by a clock that nobody sets.</param>
public sealed record TakenSms(string Sid, Guid? MessageId, string Recipient, string Body, DateTime At, double Seconds)
{
    /// <summary>As the fake recorded it.</summary>
    public static TakenSms Of(FakeSms sms) => new(
        sms.Sid, Provider.MessageOf(sms), sms.To, sms.Body, sms.AcceptedAt.ToDateTimeUtc(), (double)sms.AcceptedAtTicks / Stopwatch.Frequency);
}
