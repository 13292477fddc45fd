using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Embedded;

/// <summary>The settings that only this host has.</summary>
/// <param name="Address">Where it listens.</param>
/// <param name="Port">On which port; 0: any free one.</param>
/// <param name="DataFolder">Where its PostgreSQL lives.</param>
/// <param name="PostgresBinaries">The folder of PostgreSQL's programs; null: they are looked for.</param>
internal sealed record EmbeddedSettings(IPAddress Address, int Port, string DataFolder, string? PostgresBinaries)
{
    /// <summary>Whether other machines can reach it.</summary>
    public bool ListensToOthers => !IPAddress.IsLoopback(Address);

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
            configuration["Orchestrator:DataFolder"] is { Length: > 0 } folder ? Path.GetFullPath(folder) : Checkout.DataFolder ?? Path.GetFullPath("data"),
            configuration["Orchestrator:PostgresBinaries"] is { Length: > 0 } binaries ? binaries : null);
    }

    /// <summary>
    /// Refuses a port that cannot be had, before anything is started: the server would say so at length, and after PostgreSQL
    /// has been started for nothing.
    /// </summary>
    /// <exception cref="SettingsException">It is taken, or reserved.</exception>
    public void RefuseTakenPort()
    {
        using var listener = new TcpListener(Address, Port);
        try
        {
            listener.Start();
        }
        catch (SocketException e)
        {
            throw new SettingsException("PORT", $"{Address}:{Port} cannot be had ({e.Message}): stop the other program, or set PORT to another number");
        }
    }

    private static int ReadPort(string? text) => string.IsNullOrWhiteSpace(text) ? 8080
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port <= IPEndPoint.MaxPort ? port
        : throw new SettingsException("PORT", "must be a whole number from 0 to 65535");
}
