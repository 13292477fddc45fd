using System.Net.Sockets;

namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>The ways in which an answer does not come.</summary>
internal static class LostAnswers
{
    /// <summary>Whether a request has failed on its way there or back. A connection that is reset while it is made surfaces as a bare socket error.</summary>
    public static bool IsOne(Exception e) =>
        e is HttpRequestException or SocketException or IOException or OperationCanceledException or TimeoutException;
}
