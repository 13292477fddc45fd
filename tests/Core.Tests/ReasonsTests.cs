namespace Orchestrator.Core.Tests;

public sealed class ReasonsTests
{
    private static readonly string[] Codes =
        [.. Enum.GetValues<Hold>().Select(hold => hold.Code()), .. Enum.GetValues<Failure>().Select(failure => failure.Code()), Reasons.Expired,
            Reasons.NewerTopic, Reasons.SequenceBroken];

    [Fact]
    public void Each_reason_has_a_code_of_its_own_in_lower_case() =>
        Codes.ShouldSatisfyAllConditions(
            codes => codes.ShouldBeUnique(),
            codes => codes.ShouldAllBe(code => code.All(c => c == '_' || char.IsAsciiLetterLower(c))));

    [Fact]
    public void Each_code_leads_to_the_sentence_of_its_reason()
    {
        Enum.GetValues<Hold>().ShouldAllBe(hold => Reasons.SentenceOf(hold.Code()) == hold.Sentence());
        Enum.GetValues<Failure>().ShouldAllBe(failure => Reasons.SentenceOf(failure.Code()) == failure.Sentence());
        Reasons.SentenceOf(Reasons.Expired).ShouldBe(Reasons.ExpiredSentence);
        Reasons.SentenceOf(Reasons.NewerTopic).ShouldBe(Reasons.NewerTopicSentence);
        Reasons.SentenceOf(Reasons.SequenceBroken).ShouldBe(Reasons.SequenceBrokenSentence);
    }

    [Fact]
    public void Each_sentence_is_one() =>
        Codes.Select(Reasons.SentenceOf).ShouldAllBe(sentence => sentence!.EndsWith('.') && char.IsAsciiLetterUpper(sentence[0]));

    [Theory, InlineData(null), InlineData(""), InlineData("nonsense"), InlineData(Reasons.Delivered)]
    public void Other_codes_have_none(string? code) => Reasons.SentenceOf(code).ShouldBeNull();
}
