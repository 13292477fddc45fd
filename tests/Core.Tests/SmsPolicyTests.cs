namespace Orchestrator.Core.Tests;

public sealed class SmsPolicyTests
{
    private static readonly DateTimeZone NewYork = DateTimeZoneProviders.Tzdb["America/New_York"];

    private static readonly Instant Noon = Instant.FromUtc(2025, 10, 15, 16, 0);

    private static readonly Instant Night = Instant.FromUtc(2025, 10, 16, 3, 0);

    private static readonly PendingSms Plain = new(Lane.High, ExpiresAt: null, HasPhoneNumber: true);

    private static readonly Recipient Ann = new() { Zone = NewYork };

    private static SmsDecision Decide(PendingSms sms, Recipient recipient, Instant now, DeliveryRules? rules = null) =>
        SmsPolicy.Decide(sms, recipient, rules ?? new DeliveryRules(), now);

    [Fact]
    public void A_message_handed_over_by_day_is_sent_by_day() => Decide(Plain, Ann, Noon).ShouldBe(SmsDecision.Send.Now);

    [Fact]
    public void At_night_it_waits_for_the_end_of_quiet_hours() =>
        Decide(Plain, Ann, Night).ShouldBe(new SmsDecision.Wait(Instant.FromUtc(2025, 10, 16, 12, 0)));

    [Fact]
    public void An_active_person_gets_it_at_night() =>
        Decide(Plain, Ann with { LastInboundAt = Night - Duration.FromMinutes(9) }, Night).ShouldBe(SmsDecision.Send.Now);

    [Fact]
    public void An_urgent_one_goes_at_night_only_where_it_is_configured_so()
    {
        var urgent = Plain with { Lane = Lane.Urgent };
        Decide(urgent, Ann, Night).ShouldBeOfType<SmsDecision.Wait>();
        Decide(urgent, Ann, Night, new DeliveryRules { UrgentIgnoresQuietHours = true }).ShouldBe(SmsDecision.Send.Now);
    }

    [Fact]
    public void One_that_expires_now_is_not_sent_whatever_else_holds() =>
        Decide(new PendingSms(Lane.High, Noon, HasPhoneNumber: false), Ann with { OptedOut = true }, Noon).ShouldBe(SmsDecision.Expire.Now);

    [Fact]
    public void Without_a_number_or_after_an_opt_out_it_fails()
    {
        Decide(Plain with { HasPhoneNumber = false }, Ann, Noon).ShouldBe(new SmsDecision.Fail(Failure.NoPhoneNumber));
        Decide(Plain, Ann with { OptedOut = true }, Noon).ShouldBe(new SmsDecision.Fail(Failure.OptedOut));
    }
}
