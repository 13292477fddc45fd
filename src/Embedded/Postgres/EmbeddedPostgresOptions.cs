namespace Orchestrator.Embedded.Postgres;

/// <summary>Where an <see cref="EmbeddedPostgres"/> lives and how it runs.</summary>
public sealed record EmbeddedPostgresOptions
{
    /// <summary>The folder of everything it keeps; made if absent.</summary>
    public required string DataFolder { get; init; }

    /// <summary>The folder of PostgreSQL's programs (postgres, initdb, pg_ctl); null: they are looked for, and fetched if need be.</summary>
    public string? BinariesFolder { get; init; }

    /// <summary>
    /// The folder that keeps fetched programs; null: the data folder. Unless told otherwise the checkout's own, so that databases
    /// elsewhere, those of tests above all, need no copy each.
    /// </summary>
    public string? DownloadFolder { get; init; } = Checkout.DataFolder;

    /// <summary>Further settings of the server by name, such as <c>fsync</c>; they override the usual ones.</summary>
    public IReadOnlyDictionary<string, string> ServerSettings { get; init; } = new Dictionary<string, string>();
}
