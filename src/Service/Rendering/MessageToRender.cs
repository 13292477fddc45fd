using System.Diagnostics;
using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>What a message wants of the model.</summary>
internal enum ModelTask
{
    /// <summary>To be judged by what was said, and written in the same call where it has no text.</summary>
    Judge,

    /// <summary>To be written from its data.</summary>
    Write,
}

/// <summary>A leased message and what the model is told of it.</summary>
/// <param name="Id">The message.</param>
/// <param name="UserId">Whose it is.</param>
/// <param name="Asks">What it wants.</param>
/// <param name="NewestInboundAt">When the newest inbound message that the occasion knows was written; the epoch where there is none.</param>
/// <param name="Digest">Of what was read of it: tells whether it has been changed since.</param>
/// <param name="Occasion">What the model is told.</param>
internal sealed record MessageToRender(Guid Id, string UserId, ModelTask Asks, Instant NewestInboundAt, string Digest, Occasion Occasion)
{
    /// <summary>The trace it belongs to; default: none, or nobody listens.</summary>
    public ActivityContext Trace { get; init; }
}

/// <summary>What the model made of a message.</summary>
internal sealed record Rendered(MessageToRender Message, Outcome Outcome);

/// <summary>What is to be recorded. The set is closed.</summary>
/// <param name="Code">The code in the trail.</param>
/// <param name="Reason">The same in a sentence; null: the code says it all.</param>
internal abstract record Outcome(string Code, string? Reason)
{
    /// <summary>It may be decided again.</summary>
    /// <param name="Code">The verdict, or <c>written</c>.</param>
    /// <param name="Reason">The model's reason; null: it gave none.</param>
    /// <param name="Text">The text to send; null: the content, word for word.</param>
    internal sealed record Ready(string Code, string? Reason, string? Text) : Outcome(Code, Reason);

    /// <summary>It makes no sense any more.</summary>
    internal sealed record Stale(string Why) : Outcome("stale", Why);

    /// <summary>The model gave nothing that may be used.</summary>
    internal sealed record Failed(ModelFault Fault) : Outcome(Fault.Code, Fault.Sentence);

    /// <summary>The model was not asked: it fails for everybody, and is left alone for a while.</summary>
    internal sealed record Paused(ModelFault Fault, bool IsGivenUp) : Outcome(Fault.Code, Fault.Sentence);
}
