using System.Globalization;

namespace Orchestrator.Bench;

/// <summary>What the command line asks for.</summary>
/// <param name="Parts">The names of the parts to run; <c>all</c> stands for every one.</param>
/// <param name="Database">The connection string of the server to measure on; null: a private one is started.</param>
/// <param name="Due">How many messages are due in a drain.</param>
/// <param name="Waiting">How many messages wait beside those of a drain.</param>
/// <param name="Runs">How often each measurement is repeated.</param>
/// <param name="Full">Whether ten million messages wait in a drain, and the largest sizes of drains are measured.</param>
/// <param name="WithPeers">Whether other queues stand beside.</param>
/// <param name="Output">The folder that gets <c>benchmarks.md</c> and the plots; null: the checkout's docs after <c>all</c>, else none.</param>
internal sealed record Options(
    IReadOnlyList<string> Parts, string? Database, int Due, int Waiting, int Runs, bool Full, bool WithPeers, string? Output)
{
    /// <summary>The part that stands for all.</summary>
    public const string All = "all";

    /// <summary>Reads the command line; null where it cannot be understood.</summary>
    public static Options? Parse(IReadOnlyList<string> arguments)
    {
        var options = new Options(
            [], Environment.GetEnvironmentVariable("BENCH_DATABASE"), Due: 60_000, Waiting: 1_000_000, Runs: 3, Full: false, WithPeers: true, Output: null);
        for (var i = 0; i < arguments.Count; i++)
        {
            switch (arguments[i])
            {
                case "--full":
                    options = options with { Full = true, Waiting = 10_000_000 };
                    break;
                case "--no-peers":
                    options = options with { WithPeers = false };
                    break;
                case "--database" when i + 1 < arguments.Count:
                    options = options with { Database = arguments[++i] };
                    break;
                case "--output" when i + 1 < arguments.Count:
                    options = options with { Output = arguments[++i] };
                    break;
                case "--due" when i + 1 < arguments.Count && Count(arguments[++i]) is { } due:
                    options = options with { Due = due };
                    break;
                case "--waiting" when i + 1 < arguments.Count && Count(arguments[++i]) is { } waiting:
                    options = options with { Waiting = waiting };
                    break;
                case "--runs" when i + 1 < arguments.Count && Count(arguments[++i]) is { } runs:
                    options = options with { Runs = runs };
                    break;
                case var part when !part.StartsWith('-'):
                    options = options with { Parts = [.. options.Parts, part] };
                    break;
                default:
                    return null;
            }
        }

        return options;
    }

    /// <summary>Whether the part is asked for.</summary>
    public bool Asks(string part) => Parts.Contains(All) || Parts.Contains(part);

    private static int? Count(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var count) && count > 0 ? count : null;
}
