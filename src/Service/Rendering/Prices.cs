using System.Collections.Frozen;
using System.Globalization;

namespace Orchestrator.Service.Rendering;

/// <summary>What a model's tokens cost, in USD per million.</summary>
/// <param name="Input">Read, outside the cache.</param>
/// <param name="Output">Written.</param>
/// <param name="CacheRead">Read from the cache.</param>
/// <param name="CacheWrite">Put into the cache for five minutes.</param>
public sealed record ModelPrice(decimal Input, decimal Output, decimal CacheRead, decimal CacheWrite);

/// <summary>The price table: by model id, without the date that some ids end with.</summary>
public sealed class Prices
{
    private const decimal Million = 1_000_000;

    private readonly FrozenDictionary<string, ModelPrice> _prices;

    private Prices(IEnumerable<KeyValuePair<string, ModelPrice>> prices) =>
        _prices = prices.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// List prices of Anthropic's models overview and pricing pages (platform.claude.com/docs), as of October 2026. Haiku 5.5 costs
    /// five times as much for prompts beyond 100,000 tokens; those of this service are kept shorter.
    /// </summary>
    public static Prices Listed { get; } = new(new Dictionary<string, ModelPrice>(StringComparer.Ordinal)
    {
        ["claude-haiku-5-5"] = new(0.10m, 0.50m, 0.01m, 0.125m),
        ["claude-sonnet-5-5"] = new(2, 10, 0.10m, 2.50m),
        ["claude-opus-5-5"] = new(4, 20, 0.20m, 5),
        ["claude-fable-5-1"] = new(10, 50, 0.25m, 12.50m),
        ["claude-haiku-4-5"] = new(1, 5, 0.10m, 1.25m),
    });

    /// <summary>
    /// The listed prices with others put in: <c>model=input/output</c> or <c>model=input/output/cacheRead/cacheWrite</c>, comma
    /// separated. Where the cache's prices are not given, reading costs a tenth of the input and writing a quarter more than it.
    /// </summary>
    /// <exception cref="FormatException">It reads otherwise; the message says where.</exception>
    public static Prices Parse(string text)
    {
        var prices = new Dictionary<string, ModelPrice>(Listed._prices, StringComparer.OrdinalIgnoreCase);
        foreach (var entry in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
        {
            var (model, price) = ParseEntry(entry);
            prices[model] = price;
        }

        return new Prices(prices);
    }

    /// <summary>The price of a model; null: unknown.</summary>
    public ModelPrice? Of(string model) => _prices.GetValueOrDefault(model) ?? _prices.GetValueOrDefault(WithoutDate(model));

    /// <summary>What a call cost in USD; null: the model's price or the number of tokens is unknown.</summary>
    public decimal? CostOf(ModelUsage usage) => usage.Tokens is { } tokens && Of(usage.Model) is { } price
        ? ((tokens.Input * price.Input) + (tokens.Output * price.Output)
            + (tokens.CacheRead * price.CacheRead) + (tokens.CacheWrite * price.CacheWrite)) / Million
        : null;

    private static KeyValuePair<string, ModelPrice> ParseEntry(string entry)
    {
        var parts = entry.Split('=', StringSplitOptions.TrimEntries);
        var numbers = parts.Length == 2 && parts[0].Length > 0
            ? Array.ConvertAll(parts[1].Split('/', StringSplitOptions.TrimEntries), ParseNumber)
            : [];
        return numbers switch
        {
            [{ } input, { } output] => new(parts[0], new ModelPrice(input, output, input / 10, input * 1.25m)),
            [{ } input, { } output, { } read, { } write] => new(parts[0], new ModelPrice(input, output, read, write)),
            _ => throw new FormatException(
                $"'{entry}' is not a price: write model=input/output or model=input/output/cacheRead/cacheWrite, in USD per million tokens"),
        };
    }

    private static decimal? ParseNumber(string text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number <= Million ? number : null;

    /// <summary>The id without <c>-20251001</c> at its end: a dated id is the same model.</summary>
    private static string WithoutDate(string model) =>
        model.Length > 9 && model[^9] == '-' && model.AsSpan(model.Length - 8).IndexOfAnyExceptInRange('0', '9') < 0 ? model[..^9] : model;
}
