namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>Where in an exchange a connection is cut.</summary>
public enum Cut
{
    /// <summary>Nowhere.</summary>
    None,

    /// <summary>Half of what the client sends arrives.</summary>
    InMidRequest,

    /// <summary>All of it arrives, and nothing of the answer comes back: nobody knows whether it was done.</summary>
    BeforeAnswer,

    /// <summary>Half of an answer comes back.</summary>
    InMidAnswer,
}

/// <summary>Chance, as a proxy asks it: whether to cut here.</summary>
/// <param name="seed">What it follows from.</param>
/// <param name="perChunk">How probable a cut is at each piece that is sent, 0 to 1.</param>
/// <param name="perCommit">How probable it is that the answer to a COMMIT is lost.</param>
public class Scissors(int seed, double perChunk, double perCommit)
{
    private readonly Random _random = new(seed);
    private readonly Lock _lock = new();
    private readonly int[] _cuts = new int[Enum.GetValues<Cut>().Length];

    /// <summary>Whether anything is cut.</summary>
    public bool AreOut { get; set; }

    /// <summary>How often it was cut there so far.</summary>
    public int Cuts(Cut where) => _cuts[(int)where];

    /// <summary>What to do with a piece that the client sends.</summary>
    public virtual Cut OfRequest(ReadOnlySpan<byte> sent) =>
        sent.IndexOf("COMMIT"u8) >= 0 ? Choose(perCommit, Cut.BeforeAnswer) : Choose(perChunk, Cut.InMidRequest, Cut.BeforeAnswer);

    /// <summary>What to do with a piece of an answer.</summary>
    public Cut OfAnswer() => Choose(perChunk, Cut.InMidAnswer);

    private Cut Choose(double probability, params ReadOnlySpan<Cut> kinds)
    {
        lock (_lock)
        {
            if (!AreOut || _random.NextDouble() >= probability)
                return Cut.None;
            var cut = kinds[_random.Next(kinds.Length)];
            _cuts[(int)cut]++;
            return cut;
        }
    }
}
