namespace Orchestrator.Embedded;

/// <summary>The checkout that this program was built in.</summary>
public static class Checkout
{
    /// <summary>Its folder for all that is made while running, kept out of version control; null outside any checkout.</summary>
    public static string? DataFolder { get; } = Find() is { } root ? Path.Combine(root, "data") : null;

    private static string? Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Orchestrator.sln")))
            folder = folder.Parent;
        return folder?.FullName;
    }
}
