using Microsoft.Extensions.Primitives;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>The signatures are those of the tests of Twilio's own libraries, twilio-csharp and twilio-python.</summary>
public sealed class TwilioSignatureTests
{
    private const string Token = "12345";
    private const string Url = "https://mycompany.com/myapp.php?foo=1&bar=2";

    private static readonly Dictionary<string, StringValues> Call = new()
    {
        ["CallSid"] = "CA1234567890ABCDE",
        ["Digits"] = "1234",
        ["From"] = "+14158675309",
        ["To"] = "+18005551212",
        ["Caller"] = "+14158675309",
    };

    [Fact]
    public void The_signature_is_that_of_Twilios_libraries() =>
        TwilioSignature.Compute(Token, Url, Call).ShouldBe("RSOYDt4T1cUTdK1PDd93/VVr8B8=");

    [Fact]
    public void The_values_of_one_name_are_signed_in_order_and_each_once()
    {
        var form = new Dictionary<string, StringValues>
        {
            ["Sid"] = "CA123",
            ["SidAccount"] = "AC123",
            ["Digits"] = new(["5678", "1234", "1234"]),
        };

        TwilioSignature.Compute(Token, Url, form).ShouldBe("IK+Dwps556ElfBT0I3Rgjkr1wJU=");
    }

    [Theory]
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]
    [InlineData("https://mycompany.com:1234/myapp.php?foo=1&bar=2", "RSOYDt4T1cUTdK1PDd93/VVr8B8=")]
    [InlineData("http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=")]
    [InlineData("https://mycompany.com/myapp.php?foo=1&bar=2", "kvajT1Ptam85bY51eRf/AJRuM3w=")]
    [InlineData("http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4=")]
    public void Twilio_may_have_signed_the_address_with_or_without_its_port(string url, string signature) =>
        TwilioSignature.IsValid(Token, [url], Call, signature).ShouldBeTrue();

    [Theory]
    [InlineData("http://[::1]:8080/twilio/status", "http://[::1]/twilio/status")]
    [InlineData("http://[::1]/twilio/status", "http://[::1]:80/twilio/status")]
    [InlineData("https://sms.example.com", "https://sms.example.com:443")]
    [InlineData("https://sms.example.com?at=10:30", "https://sms.example.com:443?at=10:30")]
    [InlineData("https://Sms.Example.com/%7Ea", "https://Sms.Example.com:443/%7Ea")]
    public void The_port_is_found_in_any_address_and_the_rest_left_as_it_is(string url, string signedUrl) =>
        TwilioSignature.IsValid(Token, [url], Call, TwilioSignature.Compute(Token, signedUrl, Call)).ShouldBeTrue();

    [Fact]
    public void Any_of_the_addresses_will_do() =>
        TwilioSignature.IsValid(Token, ["https://sms.example.com/twilio/inbound", Url], Call, "RSOYDt4T1cUTdK1PDd93/VVr8B8=").ShouldBeTrue();

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("RSOYDt4T1cUTdK1PDd93/VVr8B8")]
    [InlineData("RSOYDt4T1cUTdK1PDd93/VVr8B9=")]
    [InlineData("rsoydt4t1cutdk1pdd93/vvr8b8=")]
    public void Any_other_signature_is_none(string? signature) => TwilioSignature.IsValid(Token, [Url], Call, signature).ShouldBeFalse();

    [Fact]
    public void Another_token_address_or_form_has_another_signature()
    {
        const string signature = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";

        TwilioSignature.IsValid("54321", [Url], Call, signature).ShouldBeFalse();
        TwilioSignature.IsValid("", [Url], Call, signature).ShouldBeFalse();
        TwilioSignature.IsValid(Token, [], Call, signature).ShouldBeFalse();
        TwilioSignature.IsValid(Token, [Url + "&more=1"], Call, signature).ShouldBeFalse();
        TwilioSignature.IsValid(Token, [Url], Call.Append(new("More", "1")), signature).ShouldBeFalse();
        TwilioSignature.IsValid(Token, [Url], Call.Skip(1), signature).ShouldBeFalse();
    }
}
