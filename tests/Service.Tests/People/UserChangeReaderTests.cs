using System.Text.Json;
using Orchestrator.Service.People;

namespace Orchestrator.Service.Tests.People;

public sealed class UserChangeReaderTests
{
    private static UserChange Read(string json) =>
        UserChangeReader.Read(JsonDocument.Parse(json).RootElement).Change.ShouldNotBeNull();

    private static string Fault(string field, string value)
    {
        var (change, faults) = UserChangeReader.Read(JsonDocument.Parse($$"""{"{{field}}": {{value}}}""").RootElement);
        change.ShouldBeNull();
        faults.Keys.ShouldBe([field]);
        return faults[field].ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData("+12125550123", "+12125550123")]
    [InlineData("+1 (212) 555-0123", "+12125550123")]
    [InlineData(" +44 20 7946 0018 ", "+442079460018")]
    [InlineData("+44 (0)20 7946 0018", "+442079460018")]
    [InlineData("+39 06 698 12345", "+390669812345")]
    [InlineData("+1 555 555 0123", "+15555550123")]
    public void Numbers_are_taken_however_they_are_written_and_kept_in_E164(string written, string kept) =>
        Read($$"""{"phoneNumber": "{{written}}"}""").PhoneNumber.ShouldBe(kept);

    [Theory]
    [InlineData("2125550123", "must be a phone number with a plus sign and its country code")]
    [InlineData("0044 20 7946 0018", "must be a phone number with a plus sign and its country code")]
    [InlineData("+1", "must be a phone number with a plus sign and its country code")]
    [InlineData("+1 555 0123", "lacks its area code")]
    [InlineData("+1 2125", "is too short for the country code +1")]
    [InlineData("+999 123 456 789", "begins with a country code that no country has")]
    [InlineData("+1 212 555 0123 ext. 5", "must be without an extension")]
    [InlineData("+1 212 555 012345678", "is too long for the country code +1")]
    [InlineData("+", "must be a phone number with a plus sign and its country code")]
    [InlineData("+one", "must be a phone number with a plus sign and its country code")]
    [InlineData("me@example.com", "must be a phone number with a plus sign and its country code")]
    public void What_cannot_be_a_number_anywhere_is_refused_with_what_is_wrong_with_it(string written, string fault) =>
        Fault("phoneNumber", $"\"{written}\"").ShouldStartWith(fault);

    [Theory]
    [InlineData("1000000.0", 1_000_000)]
    [InlineData("2e2", 200)]
    public void A_whole_number_is_one_however_it_is_written(string written, int number) =>
        Read($$"""{"hourlyLimit": {{written}}}""").HourlyLimit.ShouldBe(number);

    [Theory]
    [InlineData("America/New_York", "America/New_York")]
    [InlineData("US/Eastern", "America/New_York")]
    [InlineData("Asia/Calcutta", "Asia/Kolkata")]
    public void A_zone_is_kept_by_its_canonical_id(string written, string kept) => Read($$"""{"timezone": "{{written}}"}""").Timezone.ShouldBe(kept);

    [Theory]
    [InlineData("timezone", "\"Mars/Olympus\"")]
    [InlineData("timezone", "\"UTC+05:30\"")]
    [InlineData("timezone", "5")]
    [InlineData("quietHoursStart", "\"24:00\"")]
    [InlineData("quietHoursStart", "\"8:00\"")]
    [InlineData("quietHoursEnd", "\"\\ud800\"")]
    [InlineData("quietHoursEnd", "8")]
    [InlineData("quietHoursEnabled", "\"yes\"")]
    [InlineData("hourlyLimit", "-1")]
    [InlineData("dailyLimit", "1.5")]
    [InlineData("dailyLimit", "\"3\"")]
    [InlineData("optedOut", "null")]
    [InlineData("optedOut", "0")]
    [InlineData("firstName", "\"\"")]
    [InlineData("firstName", "\"a\\u0000\"")]
    [InlineData("id", "\"someone\"")]
    public void Wrong_values_are_refused_by_field(string field, string value) => Fault(field, value).ShouldNotBeEmpty();

    [Fact]
    public void What_is_left_out_is_not_given_and_null_clears()
    {
        var change = Read("""{"timezone": null, "hourlyLimit": null, "quietHoursStart": null}""");

        change.Timezone.ShouldBe(new Given<string>(IsGiven: true, null));
        change.HourlyLimit.ShouldBe(new Given<int?>(IsGiven: true, null));
        change.QuietHoursStart.ShouldBe(new Given<LocalTime?>(IsGiven: true, null));
        (change.PhoneNumber.IsGiven, change.DailyLimit.IsGiven, change.QuietHoursEnabled.IsGiven).ShouldBe((false, false, false));
        change.OptedOut.ShouldBeNull();
    }
}
