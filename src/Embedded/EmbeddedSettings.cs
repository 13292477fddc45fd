using System.Globalization;
using System.Net;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Embedded;

/// <summary>The settings that only this host has.</summary>
/// <param name="Address">Where it listens.</param>
/// <param name="Port">On which port; 0: any free one.</param>
/// <param name="DataFolder">Where its PostgreSQL lives.</param>
/// <param name="PostgresBinaries">The folder of PostgreSQL's programs; null: they are looked for.</param>
internal sealed record EmbeddedSettings(IPAddress Address, int Port, string DataFolder, string? PostgresBinaries)
{
    /// <exception cref="SettingsException">One is wrong.</exception>
    public static EmbeddedSettings Read(IConfiguration configuration, Settings settings)
    {
        var address = configuration["Orchestrator:BindAddress"] is { Length: > 0 } text
            ? IPAddress.TryParse(text, out var parsed) ? parsed
                : throw new SettingsException("Orchestrator__BindAddress", "must be an IP address such as 0.0.0.0")
            // Whoever can reach an open port could send messages to everyone.
            : settings.ApiKeys.Count == 0 ? IPAddress.Loopback : IPAddress.Any;
        return new EmbeddedSettings(
            address,
            ReadPort(configuration["PORT"]),
            configuration["Orchestrator:DataFolder"] is { Length: > 0 } folder ? Path.GetFullPath(folder) : Path.Combine(Checkout(), "data"),
            configuration["Orchestrator:PostgresBinaries"] is { Length: > 0 } binaries ? binaries : null);
    }

    private static int ReadPort(string? text) => string.IsNullOrWhiteSpace(text) ? 8080
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= IPEndPoint.MaxPort ? port
        : throw new SettingsException("PORT", "must be a whole number from 0 to 65535");

    /// <summary>The nearest folder above the program that holds the solution; else the current one.</summary>
    private static string Checkout()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Orchestrator.sln")))
                return folder.FullName;
        }

        return Environment.CurrentDirectory;
    }
}
