namespace Orchestrator.Embedded.Triggers;

/// <summary>Serves the functions that have an <see cref="HttpTriggerAttribute"/>.</summary>
internal static class HttpTriggers
{
    /// <summary>Maps each to its path and methods; the class is made anew for each request, as the Functions worker does.</summary>
    public static void MapHttpFunctions(this IEndpointRouteBuilder routes)
    {
        foreach (var function in Function<HttpTriggerAttribute>.All())
        {
            var make = ActivatorUtilities.CreateFactory(function.Class, []);
            var handler = RequestDelegateFactory.Create(function.Method, context => make(context.RequestServices, []));
            routes.MapMethods(
                function.Trigger.Route ?? function.Name,
                function.Trigger.Methods.Select(method => method.ToUpperInvariant()),
                handler.RequestDelegate).WithDisplayName(function.Name);
        }
    }
}
