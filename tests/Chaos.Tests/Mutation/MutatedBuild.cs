using System.Text;
using Orchestrator.EndToEnd.Tests;

namespace Orchestrator.Chaos.Tests.Mutation;

/// <summary>
/// A copy of the built host in which a part of its statements is blanked out. The assembly carries them as they are, so blanks of the same
/// length leave all else in its place.
/// </summary>
public sealed class MutatedBuild : IDisposable
{
    private const string Assembly = "Orchestrator.Service.dll";

    private readonly TemporaryFolder _folder = new();

    /// <param name="blanked">What is blanked out, wherever it stands; null: nothing is.</param>
    /// <exception cref="InvalidOperationException">It stands nowhere: the statement has changed, and the mutation must follow.</exception>
    public MutatedBuild(string? blanked)
    {
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory).Where(file => Path.GetExtension(file) is ".dll" or ".json"))
            File.Copy(file, Path.Combine(Folder, Path.GetFileName(file)));
        if (blanked is null)
            return;

        var assembly = Path.Combine(Folder, Assembly);
        var bytes = File.ReadAllBytes(assembly);
        Places = Blank(bytes, Encoding.UTF8.GetBytes(blanked));
        if (Places == 0)
            throw new InvalidOperationException($"'{blanked}' stands nowhere in {Assembly}.");
        File.WriteAllBytes(assembly, bytes);
    }

    /// <summary>Where it is.</summary>
    public string Folder => _folder.Path;

    /// <summary>How often the part was found.</summary>
    public int Places { get; }

    public void Dispose() => _folder.Dispose();

    private static int Blank(Span<byte> bytes, ReadOnlySpan<byte> part)
    {
        var places = 0;
        for (int at; (at = bytes.IndexOf(part)) >= 0; bytes = bytes[(at + part.Length)..])
        {
            bytes.Slice(at, part.Length).Fill((byte)' ');
            places++;
        }

        return places;
    }
}
