using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Rendering;

namespace Orchestrator.Service.Tests.Rendering;

public sealed class ModelOptionsTests
{
    private static ModelOptions? Read(params (string Name, string Value)[] settings) => ModelOptions.Read(new SettingsReader(
        new ConfigurationBuilder().AddInMemoryCollection(settings.Select(s => KeyValuePair.Create(s.Name, (string?)s.Value))).Build()));

    [Fact]
    public void Without_a_key_there_is_no_model()
    {
        Read().ShouldBeNull();
        Read(("ANTHROPIC_API_KEY", " "), ("ANTHROPIC_MODEL", "claude-opus-5-5")).ShouldBeNull();
    }

    [Fact]
    public void A_key_is_all_that_is_needed()
    {
        var options = Read(("ANTHROPIC_API_KEY", "key"))!;

        options.ApiKey.ShouldBe("key");
        options.Model.ShouldBe("claude-haiku-5-5");
        options.BaseUrl.ShouldBe(new Uri("https://api.anthropic.com"));
        options.SmsLimit.ShouldBe(480);
        options.Timeout.ShouldBe(Duration.FromSeconds(30));
    }

    [Fact]
    public void The_default_model_is_one_that_the_sdk_knows() =>
        JsonSerializer.Serialize(Anthropic.Models.Messages.Model.ClaudeHaiku5_5).ShouldBe($"\"{ModelOptions.DefaultModel}\"");

    [Fact]
    public void Every_setting_is_heeded()
    {
        var options = Read(
            ("ANTHROPIC_API_KEY", "key"), ("ANTHROPIC_MODEL", "m"), ("ANTHROPIC_BASE_URL", "http://127.0.0.1:9/x/"),
            ("Orchestrator:ModelEffort", "high"), ("Orchestrator:ModelTimeoutSeconds", "7"), ("Orchestrator:ModelConcurrency", "3"),
            ("Orchestrator:SmsLimit", "160"), ("Orchestrator:Prices", "m=1/2"))!;

        (options with { Prices = Prices.Listed }).ShouldBe(new ModelOptions
        {
            ApiKey = "key",
            Model = "m",
            BaseUrl = new Uri("http://127.0.0.1:9/x/"),
            Effort = "high",
            Timeout = Duration.FromSeconds(7),
            MaxConcurrency = 3,
            SmsLimit = 160,
        });
        options.Prices.Of("m").ShouldNotBeNull();
    }

    [Theory]
    [InlineData("claude-haiku-5-5", null, "low")]
    [InlineData("claude-haiku-4-5-20251001", null, null)]
    [InlineData("claude-sonnet-4-5", null, null)]
    [InlineData("claude-haiku-5-5", "none", null)]
    [InlineData("claude-haiku-4-5", "medium", "medium")]
    public void Models_that_take_no_effort_are_told_none(string model, string? setting, string? effort) =>
        Read(("ANTHROPIC_API_KEY", "key"), ("ANTHROPIC_MODEL", model), ("Orchestrator:ModelEffort", setting ?? ""))!.Effort.ShouldBe(effort);

    [Theory]
    [InlineData("ANTHROPIC_API_KEY", "two words", "ANTHROPIC_API_KEY")]
    [InlineData("ANTHROPIC_API_KEY", "kéy", "ANTHROPIC_API_KEY")]
    [InlineData("ANTHROPIC_BASE_URL", "api.anthropic.com", "ANTHROPIC_BASE_URL")]
    [InlineData("ANTHROPIC_BASE_URL", "ftp://x", "ANTHROPIC_BASE_URL")]
    [InlineData("Orchestrator:ModelEffort", "huge", "Orchestrator__ModelEffort")]
    [InlineData("Orchestrator:ModelTimeoutSeconds", "0", "Orchestrator__ModelTimeoutSeconds")]
    [InlineData("Orchestrator:ModelConcurrency", "x", "Orchestrator__ModelConcurrency")]
    [InlineData("Orchestrator:SmsLimit", "1601", "Orchestrator__SmsLimit")]
    [InlineData("Orchestrator:Prices", "m=a/b", "Orchestrator__Prices")]
    public void A_wrong_setting_is_named_even_before_there_is_a_key(string setting, string value, string named)
    {
        var fault = Should.Throw<SettingsException>(() => Read((setting, value))).Message;

        fault.ShouldStartWith(named + ": ");
        fault.ShouldNotContain('\n');
        if (setting == "ANTHROPIC_API_KEY")
            fault.ShouldNotContain(value);
    }

    [Fact]
    public void The_key_is_never_printed() => Read(("ANTHROPIC_API_KEY", "sk-secret"))!.ToString().ShouldNotContain("sk-secret");
}
