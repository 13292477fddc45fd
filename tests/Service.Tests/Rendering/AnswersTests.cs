using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Tests.Rendering;

public sealed class AnswersTests
{
    private const int Limit = 480;

    private static Checked<Verdict> Verdict(string answer, bool hasContent = true) => Answers.ReadVerdict(answer, hasContent, Limit);

    private static ModelFaultKind? FaultOf(string sms, int limit = Limit) =>
        Answers.ReadSms(System.Text.Json.JsonSerializer.Serialize(new { sms }), limit).Fault?.Kind;

    private static string? TextOf(string sms, int limit = Limit) =>
        Answers.ReadSms(System.Text.Json.JsonSerializer.Serialize(new { sms }), limit).Value;

    [Fact]
    public void A_relevant_message_with_content_goes_out_verbatim_whatever_else_is_said()
    {
        Verdict("""{"reason":"Still true.","verdict":"RELEVANT","sms":""}""").Value.ShouldBe(new Verdict.Relevant("Still true.", Sms: null));
        Verdict("""{"reason":"Still true.","verdict":"RELEVANT","sms":"Other words."}""").Value.ShouldBe(new Verdict.Relevant("Still true.", Sms: null));
    }

    [Fact]
    public void A_message_without_content_gets_its_text_with_the_verdict()
    {
        Verdict("""{"reason":"r","verdict":"RELEVANT","sms":"See you."}""", hasContent: false).Value.ShouldBe(new Verdict.Relevant("r", "See you."));
        Verdict("""{"reason":"r","verdict":"CONTEXTUAL","sms":"See you."}""", hasContent: false).Value.ShouldBe(new Verdict.Contextual("r", "See you."));
    }

    [Theory]
    [InlineData("RELEVANT")]
    [InlineData("CONTEXTUAL")]
    public void A_message_without_content_or_text_cannot_go_out(string verdict) =>
        Verdict($$"""{"reason":"r","verdict":"{{verdict}}","sms":" "}""", hasContent: false).Fault!.Kind.ShouldBe(ModelFaultKind.Empty);

    [Fact]
    public void A_contextual_message_with_content_is_reworded_where_the_model_says_so()
    {
        Verdict("""{"reason":"r","verdict":"CONTEXTUAL","sms":""}""").Value.ShouldBe(new Verdict.Contextual("r", Sms: null));
        Verdict("""{"reason":"r","verdict":"CONTEXTUAL","sms":"New words."}""").Value.ShouldBe(new Verdict.Contextual("r", "New words."));
    }

    [Fact]
    public void A_stale_message_needs_no_text()
    {
        Verdict("""{"reason":"r","verdict":"STALE","sms":""}""").Value.ShouldBe(new Verdict.Stale("r"));
        Verdict("""{"reason":"r","verdict":"STALE","sms":"{}"}""", hasContent: false).Value.ShouldBe(new Verdict.Stale("r"));
    }

    [Fact]
    public void New_words_that_cannot_be_sent_are_a_fault_and_no_verdict() =>
        Verdict($$"""{"reason":"r","verdict":"CONTEXTUAL","sms":"{{new string('x', 481)}}"}""").Fault!.Kind.ShouldBe(ModelFaultKind.TooLong);

    [Theory]
    [InlineData("")]
    [InlineData("RELEVANT")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"reason":"r","verdict":"RELEVANT"}""")]
    [InlineData("""{"verdict":"RELEVANT","sms":""}""")]
    [InlineData("""{"reason":"","verdict":"RELEVANT","sms":""}""")]
    [InlineData("""{"reason":"r","verdict":"MAYBE","sms":""}""")]
    [InlineData("""{"reason":"r","verdict":"relevant","sms":""}""")]
    [InlineData("""{"reason":"r","verdict":null,"sms":""}""")]
    [InlineData("""{"reason":"r","verdict":"RELEVANT","sms":null}""")]
    [InlineData("""{"reason":"r","verdict":"RELEVANT","sms":{"text":"x"}}""")]
    [InlineData("""{"reason":"r","verdict":"RELEVANT","sms":"","more":1}""")]
    [InlineData("""{"reason":"r","verdict":"STALE","verdict":"RELEVANT","sms":""}""")]
    [InlineData("""{"reason":"r","verdict":"RELEVANT","sms":""} {}""")]
    [InlineData("""```json {"reason":"r","verdict":"RELEVANT","sms":""} ```""")]
    [InlineData("""{"reason":"\ud83d","verdict":"RELEVANT","sms":""}""")]
    [InlineData("""{"reason":"r","verdict":"RELE""")]
    public void An_answer_in_any_other_form_is_malformed(string answer) =>
        Verdict(answer).Fault!.Kind.ShouldBe(ModelFaultKind.Malformed);

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"text":"x"}""")]
    [InlineData("""{"sms":7}""")]
    [InlineData("""{"sms":"x","reason":"y"}""")]
    [InlineData("\"x\"")]
    public void So_is_a_text_in_any_other_form(string answer) =>
        Answers.ReadSms(answer, Limit).Fault!.Kind.ShouldBe(ModelFaultKind.Malformed);

    [Fact]
    public void A_reason_is_kept_short_and_storable()
    {
        var reason = Verdict($$"""{"reason":"a\u0000b {{new string('x', 1000)}}","verdict":"STALE","sms":""}""").Value!.Reason;

        reason.ShouldStartWith("a b x");
        reason.Length.ShouldBe(500);
    }

    [Theory]
    [InlineData("")]
    [InlineData(" \n\t ")]
    [InlineData("\u200b\u200f\ufeff\u2066\u2069")]
    [InlineData("…")]
    [InlineData("\"\"")]
    [InlineData("\0\u0007")]
    public void A_text_that_says_nothing_is_empty(string sms) => FaultOf(sms).ShouldBe(ModelFaultKind.Empty);

    [Theory]
    [InlineData("""{"event":"table_booked","people":2}""")]
    [InlineData("""Here it is: {"people": 2}""")]
    [InlineData("""[{"people":2}]""")]
    [InlineData("""["a","b"]""")]
    [InlineData("Hi {first_name}, your table is booked.")]
    [InlineData("Hi {{name}}!")]
    [InlineData("\"people\": 2, \"at\": \"20:00\"")]
    [InlineData("```\nHello\n```")]
    [InlineData("<data>table_booked</data>")]
    [InlineData("Your table.</message>")]
    [InlineData("&lt;data>table_booked&lt;/data>")]
    [InlineData("\"due-date\": \"tomorrow\"")]
    [InlineData("\"slots\": [")]
    public void Raw_data_reaches_nobody(string sms) => FaultOf(sms).ShouldBe(ModelFaultKind.Unfit);

    [Theory]
    [InlineData("Your table is booked: tonight at 8, for two. See you!")]
    [InlineData("He said \"yes\": all is well.")]
    [InlineData("[1] Bring wine [2] Be on time")]
    [InlineData("👍")]
    [InlineData("השולחן שלך הוזמן להערב ב-8")]
    [InlineData("طاولتك محجوزة الليلة")]
    [InlineData("1 < 2 & 3 > 2 :)")]
    public void A_plain_text_is_kept_as_it_is(string sms) => TextOf(sms).ShouldBe(sms);

    [Fact]
    public void What_the_fence_has_escaped_is_undone() => TextOf("We &lt;3 Tom & Jerry").ShouldBe("We <3 Tom & Jerry");

    [Fact]
    public void Control_characters_are_taken_out_and_line_breaks_kept() =>
        TextOf("  One\r\ntwo\u0007three\u202e\u0000 ").ShouldBe("One\ntwo three");

    [Theory]
    [InlineData(480, 480, null)]
    [InlineData(481, 480, ModelFaultKind.TooLong)]
    [InlineData(1600, 9999, null)]
    [InlineData(1601, 9999, ModelFaultKind.TooLong)]
    public void A_text_has_at_most_so_many_characters(int length, int limit, ModelFaultKind? fault) =>
        FaultOf(new string('x', length), limit).ShouldBe(fault);
}
