using System.Text.RegularExpressions;
using Orchestrator.Fakes;

namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>A model on a bad day: it is slow, overloaded, silent, talks nonsense, or hangs up. What it writes names the message.</summary>
public sealed partial class Oracle : IAsyncDisposable
{
    private readonly FakeModel _model;
    private readonly Random _random;
    private readonly Lock _lock = new();

    private Oracle(FakeModel model, int seed)
    {
        (_model, _random) = (model, new Random(seed));
        _model.Answer = Choose;
    }

    /// <summary>Whether it misbehaves.</summary>
    public bool IsOnABadDay { get; set; }

    /// <summary>How many requests it has had.</summary>
    public int Requests => _model.Requests.Count;

    /// <summary>Starts it.</summary>
    public static async Task<Oracle> StartAsync(int seed) => new(await FakeModel.StartAsync(), seed);

    /// <summary>How the service reaches it.</summary>
    public IEnumerable<(string Name, string Value)> Settings =>
    [
        ("ANTHROPIC_API_KEY", _model.ApiKey),
        ("ANTHROPIC_BASE_URL", _model.Url.AbsoluteUri),
        ("Orchestrator__ModelTimeoutSeconds", "2"),
    ];

    public ValueTask DisposeAsync() => _model.DisposeAsync();

    private ModelAnswer Choose(ModelRequest request)
    {
        lock (_lock)
        {
            return (IsOnABadDay ? _random.Next(40) : 40) switch
            {
                0 => ModelAnswer.Fails(529, "overloaded_error"),
                1 => ModelAnswer.Fails(429, "rate_limit_error", retryAfterSeconds: 1),
                2 => new ModelAnswer.Dropped(),
                3 => new ModelAnswer.CutShort(),
                4 => new ModelAnswer.Hanging(),
                5 => ModelAnswer.Refusal,
                6 => new ModelAnswer.Body("<html>"),
                < 16 => new ModelAnswer.Later(Task.Delay(TimeSpan.FromSeconds(1.5 * _random.NextDouble())), Sensible(request)),
                _ => Sensible(request),
            };
        }
    }

    private ModelAnswer Sensible(ModelRequest request)
    {
        var text = $"In other words, {References().Match(request.Data).Value}.";
        return !request.AsksForVerdict ? ModelAnswer.Sms(text) : _random.Next(10) switch
        {
            < 6 => ModelAnswer.Verdict("RELEVANT", "Nothing has changed.", request.HasContent ? "" : text),
            < 8 => ModelAnswer.Verdict("CONTEXTUAL", "It may be said in another way.", text),
            _ => ModelAnswer.Verdict("STALE", "It is said already."),
        };
    }

    // What was said before may name other messages, and comes before this one.
    [GeneratedRegex("ref[0-9]{8}", RegexOptions.RightToLeft, matchTimeoutMilliseconds: 1000)]
    private static partial Regex References();
}
