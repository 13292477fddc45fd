namespace Orchestrator.Embedded.Postgres;

/// <summary>Held as long as this process uses a data folder; the operating system lets go of it when the process dies.</summary>
internal static class DataFolderLock
{
    /// <summary>Takes the lock.</summary>
    /// <returns>Dispose it to let go.</returns>
    /// <exception cref="EmbeddedPostgresException">Another process holds it, or the folder cannot be written to.</exception>
    public static IDisposable Take(string folder)
    {
        var file = Path.Combine(folder, "postgres.lock");
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(file))
        {
            throw new EmbeddedPostgresException(
                $"Another process uses the database in {folder}: stop it, or set Orchestrator__DataFolder to another folder");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedPostgresException($"{e.Message} Set Orchestrator__DataFolder to a folder that can be written to");
        }
    }
}
