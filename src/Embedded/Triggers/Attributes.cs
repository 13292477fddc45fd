namespace Orchestrator.Embedded.Triggers;

/// <summary>Marks a method as a function: the Functions worker's attribute of the same name, for this host.</summary>
/// <param name="name">The function's name.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class FunctionAttribute(string name) : Attribute
{
    /// <summary>The function's name.</summary>
    public string Name { get; } = name;
}

/// <summary>Makes a function answer HTTP requests.</summary>
/// <param name="authorizationLevel">Whose keys the host asks for; only <see cref="AuthorizationLevel.Anonymous"/> is used, the service checks its own.</param>
/// <param name="methods">The methods, in lower case.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class HttpTriggerAttribute(AuthorizationLevel authorizationLevel, params string[] methods) : Attribute
{
    /// <summary>Whose keys the host asks for.</summary>
    public AuthorizationLevel AuthorizationLevel { get; } = authorizationLevel;

    /// <summary>The methods, in lower case.</summary>
    public IReadOnlyList<string> Methods { get; } = methods;

    /// <summary>The path, without a slash in front; null: the function's name.</summary>
    public string? Route { get; set; }
}

/// <summary>Makes a function run on a schedule.</summary>
/// <param name="schedule">An NCRONTAB expression of six fields, or <c>%SETTING%</c> that holds one.</param>
[AttributeUsage(AttributeTargets.Parameter)]
public sealed class TimerTriggerAttribute(string schedule) : Attribute
{
    /// <summary>The expression, or the name of the setting between percent signs.</summary>
    public string Schedule { get; } = schedule;
}

/// <summary>Whose keys an HTTP function asks for.</summary>
public enum AuthorizationLevel
{
    /// <summary>Nobody's: the service checks its own.</summary>
    Anonymous,
}

/// <summary>What a timer function learns of its tick.</summary>
public sealed class TimerInfo
{
    /// <summary>Whether the tick comes later than it was due.</summary>
    public bool IsPastDue { get; init; }
}
