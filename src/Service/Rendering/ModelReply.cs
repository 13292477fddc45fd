using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>What came of a call to the model. The set is closed.</summary>
/// <typeparam name="T">What was asked for.</typeparam>
public abstract record ModelReply<T>
{
    private ModelReply()
    {
    }

    /// <summary>An answer that has passed every check.</summary>
    /// <param name="Answer">The answer.</param>
    /// <param name="Usage">What the call took.</param>
    public sealed record Answered(T Answer, ModelUsage Usage) : ModelReply<T>;

    /// <summary>Nothing that may be used.</summary>
    /// <param name="Fault">Why.</param>
    /// <param name="Usage">What the call took all the same; null: none was made.</param>
    public sealed record Failed(ModelFault Fault, ModelUsage? Usage) : ModelReply<T>;
}

/// <summary>Why the model gave nothing that may be used.</summary>
/// <param name="Kind">What sort of fault it is.</param>
/// <param name="Code">A stable code for the trail, such as <c>refusal</c> or <c>http_401</c>.</param>
/// <param name="Sentence">The same in a sentence of this service's own: the model's words may quote the message.</param>
/// <param name="RetryAfter">When the provider wants to be asked again; null: it does not say.</param>
public sealed record ModelFault(ModelFaultKind Kind, string Code, string Sentence, Duration? RetryAfter = null);

/// <summary>Sorts of faults.</summary>
public enum ModelFaultKind
{
    /// <summary>The model declined. It will most likely decline again.</summary>
    Refused,

    /// <summary>The answer ended before it was complete.</summary>
    CutOff,

    /// <summary>There is no text where one is needed.</summary>
    Empty,

    /// <summary>The text is longer than an SMS may be.</summary>
    TooLong,

    /// <summary>The text is not fit for a person: raw data.</summary>
    Unfit,

    /// <summary>The answer does not have the form that was asked for.</summary>
    Malformed,

    /// <summary>Too many requests or tokens a minute; it passes.</summary>
    RateLimited,

    /// <summary>Overloaded, broken or out of reach; it passes.</summary>
    Unavailable,

    /// <summary>No answer in time.</summary>
    TimedOut,

    /// <summary>The key, the account or a setting is not accepted, whatever is asked.</summary>
    Rejected,

    /// <summary>This one request is not accepted; another may be.</summary>
    Unacceptable,
}
