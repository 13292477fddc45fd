namespace Orchestrator.Chaos.Tests;

/// <summary>The beginnings of choices.</summary>
internal static class Seeds
{
    /// <summary>Each part of a run has choices of its own, so that one more of the one does not change those of the others.</summary>
    public static int Of(int seed, string part) => part.Aggregate(seed, (sum, letter) => unchecked((sum * 31) + letter));
}
