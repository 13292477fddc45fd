using System.Globalization;

namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>A process whose wall clock is wrong, by way of libfaketime. Its monotonic clock is left alone.</summary>
internal static class ClockSkew
{
    private static readonly string[] Folders = ["/usr/lib", "/usr/lib64", "/usr/local/lib"];

    /// <summary>The library; null: it is not installed, and no clock can be made wrong.</summary>
    public static string? Library { get; } = Folders
        .Where(Directory.Exists)
        .SelectMany(folder => Directory.GetDirectories(folder).Append(folder))
        .SelectMany(folder => new[] { "faketime/libfaketimeMT.so.1", "libfaketimeMT.so.1" }.Select(file => Path.Combine(folder, file)))
        .FirstOrDefault(File.Exists);

    /// <summary>The environment of a process that is ahead by so much, or behind; nothing where the library is missing.</summary>
    public static IEnumerable<(string Name, string Value)> Of(TimeSpan skew) => Library is null ? [] :
    [
        ("LD_PRELOAD", Library),
        ("FAKETIME", string.Create(CultureInfo.InvariantCulture, $"{skew.TotalSeconds:+0;-0;+0}")),
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ("DONT_FAKE_MONOTONIC", "1"),
        // Nothing is shared between processes, so nothing is left behind by one that is killed; versions up to 0.9.10 do not know it.
        ("FAKETIME_DISABLE_SHM", "1"),
    ];

    /// <summary>Removes what a process that was killed has left in shared memory, where the library used it all the same.</summary>
    public static void CleanUpAfter(int processId)
    {
        if (Library is null)
            return;
        File.Delete($"/dev/shm/faketime_shm_{processId}");
        File.Delete($"/dev/shm/sem.faketime_sem_{processId}");
    }
}
