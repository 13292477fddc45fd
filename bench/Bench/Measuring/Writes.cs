namespace Orchestrator.Bench.Measuring;

/// <summary>What some work has made the server do.</summary>
internal sealed record Writes
{
    /// <summary>Rows inserted.</summary>
    public long Inserted { get; init; }

    /// <summary>Rows updated, each a new version.</summary>
    public long Updated { get; init; }

    /// <summary>Of these, those that no index had to hear of.</summary>
    public long HotUpdated { get; init; }

    /// <summary>Rows deleted.</summary>
    public long Deleted { get; init; }

    /// <summary>Transactions committed.</summary>
    public long Commits { get; init; }

    /// <summary>Commands sent to the server, each a round trip.</summary>
    public long Commands { get; init; }

    /// <summary>Bytes of the write-ahead log.</summary>
    public long Wal { get; init; }

    /// <summary>Of these, pages logged whole because they were touched first after a checkpoint; null: not known.</summary>
    public long? PageImages { get; init; }

    /// <summary>Entries added to indexes; null: not known.</summary>
    public long? IndexEntries { get; init; }
}
