namespace Orchestrator.Core;

/// <summary>What a fault of an SMS calls for.</summary>
public enum SmsFaultKind
{
    /// <summary>This message can never reach this number.</summary>
    Permanent,

    /// <summary>It may succeed later.</summary>
    Later,

    /// <summary>The person has told the provider to be left alone.</summary>
    OptedOut,

    /// <summary>Nothing will go out until somebody mends the account or its settings.</summary>
    Configuration,
}
