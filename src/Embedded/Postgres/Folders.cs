namespace Orchestrator.Embedded.Postgres;

/// <summary>Folders that are either complete or not there: filled beside their place, then renamed, so that a kill leaves nothing half done.</summary>
internal static class Folders
{
    private const string Mark = ".part-";

    /// <summary>The folder as an earlier call has left it, else filled now.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="fill">Fills the new, empty folder that it is given; throws where it cannot.</param>
    public static async Task FillOnceAsync(string folder, Func<string, Task> fill)
    {
        if (Directory.Exists(folder))
            return;

        // Another process may be at it as well, but not for that long.
        DiscardParts(folder, age: TimeSpan.FromHours(1));
        var part = folder + Mark + Path.GetRandomFileName();
        Directory.CreateDirectory(part);
        try
        {
            await fill(part);
            Directory.Move(part, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another process was faster.
        }
        finally
        {
            Discard(part);
        }
    }

    /// <summary>Removes what killed processes have left beside the folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="age">How long they must have been left alone.</param>
    public static void DiscardParts(string folder, TimeSpan age)
    {
        foreach (var part in new DirectoryInfo(Path.GetDirectoryName(folder)!).GetFileSystemInfos(Path.GetFileName(folder) + Mark + "*"))
        {
            if (part.LastWriteTimeUtc <= DateTime.UtcNow - age)
                Discard(part.FullName);
        }
    }

    private static void Discard(string path)
    {
        try
        {
            if (Directory.Exists(path))
                Directory.Delete(path, recursive: true);
            else
                File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Somebody, an initdb that outlives its host for example, still writes into it. It does no harm and goes another time.
        }
    }
}
