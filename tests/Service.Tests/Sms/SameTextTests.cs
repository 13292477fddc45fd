using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

public sealed class SameTextTests
{
    [Theory]
    [InlineData("Hello", "Hello")]
    [InlineData("Hello", "Sent from your Twilio trial account - Hello")]
    [InlineData("“It’s on” – see you… at 7", "\"It's on\" - see you... at 7")]
    [InlineData("5ʹ 10ʺ", "5' 10\"")]
    [InlineData("Wow\u01C3", "Wow!")]
    [InlineData("Hello 👍", "Hello")]
    [InlineData("Grüße, 你好, שלום, ١٢٣", "Grüße, 你好, שלום, ١٢٣")]
    [InlineData("𝐁old", "𝐁old")]
    [InlineData(" two\r\nlines ", "two lines")]
    [InlineData("👍", "👍")]
    [InlineData("👍 ", "Sent from your Twilio trial account - 👍")]
    public void A_text_is_known_again_in_what_Twilio_shows(string sent, string listed) => SameText.Is(sent, listed).ShouldBeTrue();

    [Theory]
    [InlineData("Hello")]
    [InlineData("👍")]
    public void A_text_that_the_account_redacts_may_be_any(string sent) => SameText.Is(sent, "").ShouldBeTrue();

    [Theory]
    [InlineData("Hello", "hello")]
    [InlineData("Hello", "Hello Ann")]
    [InlineData("Hello Ann", "Hello")]
    [InlineData("Your code is 1234", "Your code is 1235")]
    [InlineData("👍", "👎")]
    [InlineData("👍", "Hello 👍")]
    public void Another_text_is_not(string sent, string listed) => SameText.Is(sent, listed).ShouldBeFalse();
}
