using System.Net;
using Microsoft.AspNetCore.Http;

namespace Orchestrator.Service.Http;

/// <summary>
/// Tells requests that a page of elsewhere makes in somebody's browser: by its <c>Origin</c>, or, where the page's own name has been led to
/// this machine (DNS rebinding), by the <c>Host</c> that it was asked for.
/// </summary>
internal static class Origins
{
    /// <summary>The name, of the request's host or of the page that makes it, that is not this machine's; null: there is none.</summary>
    public static string? NotOfThisMachine(HttpRequest request) =>
        !IsThisMachine(request.Host.Host) ? request.Host.Value ?? ""
        : OriginOf(request) is { } origin && !IsThisMachine(HostOf(origin)) ? origin
        : null;

    /// <summary>The <c>Origin</c> where it is another host than the one that was asked; null: it is the same, or not told. All names of this machine are one.</summary>
    public static string? NotOfTheHost(HttpRequest request)
    {
        if (OriginOf(request) is not { } origin)
            return null;
        var from = HostOf(origin);
        // A proxy may ask by a name of its own.
        string[] asked = [request.Host.Host, new HostString(request.Headers["X-Forwarded-Host"].ToString().Split(',')[0].Trim()).Host];
        return asked.Any(host => host.Length > 0 && host.Equals(from, StringComparison.OrdinalIgnoreCase) || (IsThisMachine(host) && IsThisMachine(from))) ? null : origin;
    }

    private static string? OriginOf(HttpRequest request) => request.Headers.Origin is { Count: > 0 } values ? values.ToString() : null;

    /// <summary>The host that an origin names; null: none, as the word <c>null</c> that browsers send for a page of nowhere.</summary>
    private static string? HostOf(string origin) => Uri.TryCreate(origin, UriKind.Absolute, out var url) ? url.Host : null;

    private static bool IsThisMachine(string? host) =>
        "localhost".Equals(host, StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(host, out var address) && IPAddress.IsLoopback(address));
}
