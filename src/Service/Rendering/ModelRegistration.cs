using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Orchestrator.Service.Rendering;

/// <summary>Puts the model into the service.</summary>
public static class ModelRegistration
{
    /// <summary>Adds the model; without a key nobody calls this, and there is none.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="options">How the model is reached.</param>
    public static IServiceCollection AddLanguageModel(this IServiceCollection services, ModelOptions options)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddHttpClient(AnthropicModel.HttpClientName, client => client.Timeout = Timeout.InfiniteTimeSpan)
            .ConfigurePrimaryHttpMessageHandler(() => new SocketsHttpHandler
            {
                // A redirect would take the message to somewhere nobody has configured.
                AllowAutoRedirect = false,
                PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            })
            .RemoveAllLoggers();
        return services.AddSingleton(options).AddSingleton<ILanguageModel, AnthropicModel>();
    }
}
