using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Orchestrator.Service.Telemetry;

/// <summary>
/// The spans of the service. Nothing is made while nobody listens; and of a message only what was queued in a trace that is
/// recorded. They hold ids of messages and codes: no user, no number, no text.
/// </summary>
public static class Tracing
{
    /// <summary>The id of a message, in spans alone.</summary>
    internal const string MessageId = "messaging.message.id";

    internal static readonly ActivitySource Source = new(Instruments.Name);

    /// <summary>Whether anybody listens.</summary>
    internal static bool IsOn => Source.HasListeners();

    /// <summary>The trace that messages queued now belong to, as W3C writes it; null: none that is recorded.</summary>
    internal static string? Traceparent =>
        IsOn && Activity.Current is { Recorded: true, IdFormat: ActivityIdFormat.W3C } activity ? activity.Id : null;

    /// <summary>Begins a span of a message's trace; null where the message has none.</summary>
    /// <param name="name">What is done.</param>
    /// <param name="kind">On whose behalf.</param>
    /// <param name="trace">The message's trace; default: it has none.</param>
    /// <param name="messageId">The message.</param>
    internal static Activity? Begin(string name, ActivityKind kind, ActivityContext trace, Guid messageId) =>
        trace == default ? null : Source.StartActivity(name, kind, trace)?.SetTag(MessageId, messageId.ToString());

    /// <summary>
    /// Lets what follows belong to the server's span of the request. On the Functions host a function runs beside the server's own flow,
    /// and would begin without one.
    /// </summary>
    internal static void Continue(HttpContext context)
    {
        if (IsOn && Activity.Current is null && context.Features.Get<IHttpActivityFeature>()?.Activity is { IsStopped: false } span)
            Activity.Current = span;
    }
}
