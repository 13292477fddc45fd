using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Tests.Rendering;

public sealed class PricesTests
{
    private static ModelUsage Usage(string model, long input = 0, long output = 0, long cacheRead = 0, long cacheWrite = 0) =>
        new(model, 5, new TokenCount(input, output, cacheRead, cacheWrite));

    [Fact]
    public void A_call_costs_what_its_tokens_cost()
    {
        var prices = Prices.Parse("some-model=1/5/0.1/1.25");

        prices.CostOf(Usage("some-model", input: 1_000, output: 200, cacheRead: 10_000, cacheWrite: 4_000))
            .ShouldBe(0.001m + 0.001m + 0.001m + 0.005m);
    }

    [Fact]
    public void The_default_model_has_a_price() =>
        Prices.Listed.CostOf(Usage(ModelOptions.DefaultModel, input: 1_000_000, output: 1_000_000)).ShouldBe(0.60m);

    [Fact]
    public void A_dated_id_is_the_same_model()
    {
        Prices.Listed.Of("claude-haiku-4-5-20251001").ShouldBe(Prices.Listed.Of("claude-haiku-4-5"));
        Prices.Listed.Of("CLAUDE-HAIKU-5-5").ShouldNotBeNull();
    }

    [Theory]
    [InlineData("claude-haiku-5-5-5")]
    [InlineData("claude-haiku")]
    [InlineData("another-20251001")]
    [InlineData("")]
    public void An_unknown_model_costs_nobody_knows_what(string model) => Prices.Listed.CostOf(Usage(model, input: 1)).ShouldBeNull();

    [Fact]
    public void A_call_without_an_answer_costs_nobody_knows_what() =>
        Prices.Listed.CostOf(new ModelUsage(ModelOptions.DefaultModel, 30_000, Tokens: null)).ShouldBeNull();

    [Fact]
    public void Prices_can_be_set_and_the_others_stay()
    {
        var prices = Prices.Parse("claude-haiku-5-5 = 0.2/1, new-model=3/15/0.5/4 ,");

        prices.Of("claude-haiku-5-5").ShouldBe(new ModelPrice(0.2m, 1, 0.02m, 0.25m));
        prices.Of("new-model").ShouldBe(new ModelPrice(3, 15, 0.5m, 4));
        prices.Of("claude-opus-5-5").ShouldBe(Prices.Listed.Of("claude-opus-5-5"));
    }

    [Theory]
    [InlineData("claude-haiku-5-5")]
    [InlineData("=1/2")]
    [InlineData("m=1")]
    [InlineData("m=1/2/3")]
    [InlineData("m=1/2/3/4/5")]
    [InlineData("m=1/-2")]
    [InlineData("m=1/$2")]
    [InlineData("m=1/1e9")]
    [InlineData("m=1/2=3")]
    public void A_price_that_cannot_be_read_is_named(string text) =>
        Should.Throw<FormatException>(() => Prices.Parse("ok=1/2, " + text)).Message.ShouldStartWith($"'{text}' is not a price");
}
