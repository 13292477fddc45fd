namespace Orchestrator.Chaos.Tests.Checking;

/// <summary>A promise that was not kept.</summary>
/// <param name="Promise">Its name, which is that of the file that asks about it.</param>
/// <param name="What">What was found.</param>
public sealed record Breach(string Promise, string What)
{
    public override string ToString() => $"{Promise}: {What}";
}
