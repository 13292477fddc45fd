namespace Orchestrator.EndToEnd.Tests;

/// <summary>A database of its own, and a host that serves from it, for all tests of a class.</summary>
public class RunningService(PostgresServer server) : ServiceDatabase(server)
{
    public EmbeddedHost Host { get; private set; } = null!;

    public HttpClient Client => Host.Client;

    /// <summary>What the host is set to beside <see cref="ServiceDatabase.Settings"/>.</summary>
    protected virtual IEnumerable<(string Name, string Value)> HostSettings => [];

    protected override async Task StartAsync()
    {
        await base.StartAsync();
        Host = await EmbeddedHost.StartAsync([.. Settings, .. HostSettings]);
    }

    protected override async Task StopAsync()
    {
        if (Host is not null)
            await Host.DisposeAsync();
    }
}
