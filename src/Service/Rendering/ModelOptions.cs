using NodaTime;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Sms;

namespace Orchestrator.Service.Rendering;

/// <summary>How the model is reached and what it may take.</summary>
public sealed record ModelOptions
{
    /// <summary>The fastest and cheapest of the models that the SDK names: a verdict and one SMS need no more.</summary>
    public const string DefaultModel = "claude-haiku-5-5";

    /// <summary>The most characters that the SMS provider takes in one message.</summary>
    public const int LongestSms = SmsLength.Most;

    private static readonly string[] Efforts = ["low", "medium", "high", "xhigh", "max"];

    /// <summary>The key of the account.</summary>
    public required string ApiKey { get; init; }

    /// <summary>Where the API is, without <c>/v1</c>.</summary>
    public Uri BaseUrl { get; init; } = new("https://api.anthropic.com");

    /// <summary>The model's id.</summary>
    public string Model { get; init; } = DefaultModel;

    /// <summary>How hard the model thinks; null: it is not told, for the models that refuse to be.</summary>
    public string? Effort { get; init; } = "low";

    /// <summary>How long one call may take, from connecting to the last byte.</summary>
    public Duration Timeout { get; init; } = Duration.FromSeconds(30);

    /// <summary>How many calls a process makes at once; the caller sees to it.</summary>
    public int MaxConcurrency { get; init; } = 8;

    /// <summary>The most characters of an SMS that the model writes.</summary>
    public int SmsLimit { get; init; } = 480;

    /// <summary>What a call costs.</summary>
    public Prices Prices { get; init; } = Prices.Listed;

    /// <summary>Reads and checks the settings of the model.</summary>
    /// <returns>Null without a key: there is no model then.</returns>
    /// <exception cref="SettingsException">One is wrong; also without a key, so that a mistake shows before the key is there.</exception>
    internal static ModelOptions? Read(SettingsReader read)
    {
        var defaults = new ModelOptions { ApiKey = "" };
        var key = read.Text("ANTHROPIC_API_KEY");
        if (key is not null && key.AsSpan().ContainsAnyExceptInRange('!', '~'))
            throw new SettingsException("ANTHROPIC_API_KEY", "holds a character that no key has, such as a space or a line break");

        var model = read.Text("ANTHROPIC_MODEL") ?? defaults.Model;
        var options = defaults with
        {
            ApiKey = key ?? "",
            BaseUrl = ReadUrl(read.Text("ANTHROPIC_BASE_URL")) ?? defaults.BaseUrl,
            Model = model,
            Effort = ReadEffort(read.Text("Orchestrator:ModelEffort"), model),
            Timeout = read.Number("Orchestrator:ModelTimeoutSeconds", 1, 300) is { } seconds ? Duration.FromSeconds(seconds) : defaults.Timeout,
            MaxConcurrency = read.Number("Orchestrator:ModelConcurrency", 1, 1000) ?? defaults.MaxConcurrency,
            SmsLimit = read.Number("Orchestrator:SmsLimit", 40, LongestSms) ?? defaults.SmsLimit,
            Prices = ReadPrices(read.Text("Orchestrator:Prices")),
        };
        return key is null ? null : options;
    }

    /// <summary>The model alone: a record prints all it holds, and the key is a secret.</summary>
    public override string ToString() => Model;

    private static Uri? ReadUrl(string? text) => text is null ? null
        : Uri.TryCreate(text, UriKind.Absolute, out var url) && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp) ? url
        : throw new SettingsException("ANTHROPIC_BASE_URL", "must be a URL such as https://api.anthropic.com");

    private static string? ReadEffort(string? text, string model) => text switch
    {
        null => TakesEffort(model) ? "low" : null,
        "none" => null,
        _ when Efforts.Contains(text, StringComparer.Ordinal) => text,
        _ => throw new SettingsException("Orchestrator__ModelEffort", $"must be none, {string.Join(", ", Efforts[..^1])} or {Efforts[^1]}"),
    };

    /// <summary>The older of the models that the SDK names answer the parameter with a 400.</summary>
    private static bool TakesEffort(string model) =>
        !model.StartsWith("claude-haiku-4", StringComparison.Ordinal) && !model.StartsWith("claude-sonnet-4-5", StringComparison.Ordinal);

    private static Prices ReadPrices(string? text)
    {
        try
        {
            return text is null ? Prices.Listed : Prices.Parse(text);
        }
        catch (FormatException e)
        {
            throw new SettingsException("Orchestrator__Prices", e.Message);
        }
    }
}
