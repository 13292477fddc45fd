using System.Reflection;

namespace Orchestrator.Embedded.Triggers;

/// <summary>A function of this assembly, and the parameter that triggers it.</summary>
/// <param name="Name">The function's name.</param>
/// <param name="Class">The class that is made for each run.</param>
/// <param name="Method">The method that runs.</param>
/// <param name="Trigger">The attribute on the parameter.</param>
internal sealed record Function<TTrigger>(string Name, Type Class, MethodInfo Method, TTrigger Trigger)
    where TTrigger : Attribute
{
    /// <summary>All functions of this assembly with such a trigger.</summary>
    public static IEnumerable<Function<TTrigger>> All() =>
        from type in Assembly.GetExecutingAssembly().GetExportedTypes()
        from method in type.GetMethods()
        let name = method.GetCustomAttribute<FunctionAttribute>()?.Name
        where name is not null
        from parameter in method.GetParameters()
        let trigger = parameter.GetCustomAttribute<TTrigger>()
        where trigger is not null
        select new Function<TTrigger>(name, type, method, trigger);
}
