using Orchestrator.Fakes;

namespace Orchestrator.Service.Tests.Rendering;

/// <summary>What every test of rendering starts from: a service with one user, a message that has a text and one that has none.</summary>
public abstract class RenderingTests(PostgresServer server) : IAsyncLifetime
{
    protected const string Offer = """{"content": "Shall I book the boat for you?"}""";

    protected const string Data = """{"event": "intro_accepted", "by": "Priya"}""";

    protected PostgresServer Server { get; } = server;

    protected RenderingService Service { get; private set; } = null!;

    protected TestDatabase Db => Service.Db;

    protected FakeModel Model => Service.Model;

    public async ValueTask InitializeAsync()
    {
        Service = await RenderingService.CreateAsync(Server);
        await Service.AddUserAsync("ann");
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Service.DisposeAsync();
    }
}
