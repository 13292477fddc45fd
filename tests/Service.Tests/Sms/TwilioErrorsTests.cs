using System.Text.RegularExpressions;
using Orchestrator.Core;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

public sealed partial class TwilioErrorsTests
{
    [Theory]
    [InlineData(21610, SmsFaultKind.OptedOut)]
    [InlineData(21614, SmsFaultKind.Permanent)]
    [InlineData(30005, SmsFaultKind.Permanent)]
    [InlineData(30007, SmsFaultKind.Configuration)]
    [InlineData(30036, SmsFaultKind.Permanent)]
    [InlineData(21408, SmsFaultKind.Permanent)]
    [InlineData(30003, SmsFaultKind.Later)]
    [InlineData(30008, SmsFaultKind.Later)]
    [InlineData(21611, SmsFaultKind.Later)]
    [InlineData(63038, SmsFaultKind.Configuration)]
    [InlineData(30002, SmsFaultKind.Configuration)]
    [InlineData(30032, SmsFaultKind.Configuration)]
    [InlineData(30034, SmsFaultKind.Configuration)]
    [InlineData(21660, SmsFaultKind.Configuration)]
    public void A_code_says_what_to_do_wherever_it_comes_from(int code, SmsFaultKind kind)
    {
        TwilioErrors.Classify(code, httpStatus: null).Kind.ShouldBe(kind);
        TwilioErrors.Classify(code, httpStatus: 400).ShouldBe(TwilioErrors.Classify(code, httpStatus: null));
    }

    [Theory]
    [InlineData(401, SmsFaultKind.Configuration)]
    [InlineData(403, SmsFaultKind.Configuration)]
    [InlineData(404, SmsFaultKind.Configuration)]
    [InlineData(429, SmsFaultKind.Later)]
    [InlineData(400, SmsFaultKind.Permanent, SmsFaultKind.Configuration)]
    [InlineData(422, SmsFaultKind.Permanent, SmsFaultKind.Configuration)]
    [InlineData(500, SmsFaultKind.Later)]
    public void Without_a_known_code_the_status_decides_and_a_refusal_without_any_is_not_Twilios(int status, SmsFaultKind kind, SmsFaultKind? without = null)
    {
        TwilioErrors.Classify(code: null, status).ShouldSatisfyAllConditions(
            fault => fault.Kind.ShouldBe(without ?? kind), fault => fault.Code.ShouldBe($"http_{status}"));
        TwilioErrors.Classify(code: 1, status).ShouldSatisfyAllConditions(
            fault => fault.Kind.ShouldBe(kind), fault => fault.Code.ShouldBe("1"));
    }

    [Theory]
    [InlineData(39999, "39999")]
    [InlineData(null, "unknown")]
    public void A_failure_reported_with_an_unknown_code_or_none_is_final(int? code, string stored)
    {
        var fault = TwilioErrors.Classify(code, httpStatus: null);

        fault.Kind.ShouldBe(SmsFaultKind.Permanent);
        fault.Code.ShouldBe(stored);
    }

    [Fact]
    public void Every_code_has_a_sentence_without_numbers_of_phones_and_a_page_of_Twilios()
    {
        foreach (var error in TwilioErrors.All)
        {
            error.Sentence.ShouldMatch(@"^[A-Z].*\.$");
            PhoneNumber().IsMatch(error.Sentence).ShouldBeFalse(error.Sentence);
            new Uri(error.Documentation).Host.ShouldEndWith(".twilio.com");
        }
    }

    [GeneratedRegex(@"\+?\d{5,}", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex PhoneNumber();
}
