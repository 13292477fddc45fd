using System.Net.Sockets;
using System.Text;

namespace Orchestrator.EndToEnd.Tests.Fuzz;

/// <summary>What no HTTP client would send, as bytes on a socket.</summary>
internal static class RawRequests
{
    private const string Post = "POST /schedule-message HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";

    public static readonly string[] All =
    [
        "\r\n\r\n", "\0\0\0\0\r\n\r\n", "GARBAGE\r\n\r\n", "GET\r\n\r\n", "GET /health\r\n\r\n", "GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", "GET /health HTTP/1.1\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: y\r\n\r\n", "GET /health HTTP/1.1\r\nHost: \u00ff\u00fe\r\n\r\n", "GET /\u00ff\u00fe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /messages/\u0001 HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /messages/%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET http://elsewhere/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n", "GET /health HTTP/1.1\r\nHost: localhost\r\nA\0B: c\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: localhost\r\nA: b\r\n c\r\n\r\n", $"GET /health HTTP/1.1\r\nHost: localhost\r\nA: {new string('a', 70_000)}\r\n\r\n", $"GET /{new string('a', 20_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003",
        $"{Post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{{}}", $"{Post}Content-Length: -1\r\n\r\n", $"{Post}Content-Length: 99999999999999999999\r\n\r\n", $"{Post}Content-Length: 100\r\n\r\n{{\"a\":",
        $"{Post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", $"{Post}Transfer-Encoding: gzip\r\n\r\n", $"{Post}Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        $"{Post}Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{{}}", $"{Post}Transfer-Encoding: chunked\r\n\r\n5\r\n{{\"a\":", $"{Post}Expect: nonsense\r\nContent-Length: 2\r\n\r\n{{}}",
        $"{Post}\r\n", $"{Post}Idempotency-Key: a\r\nIdempotency-Key: b\r\nContent-Length: 2\r\n\r\n{{}}", $"{Post}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{{}}",
    ];

    /// <summary>Sends it, and no more.</summary>
    /// <returns>The status of the answer; null: the connection was closed without one.</returns>
    public static async Task<int?> SendAsync(Uri address, string request, CancellationToken cancellationToken)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address.Host, address.Port, cancellationToken);
        var stream = client.GetStream();
        try
        {
            await stream.WriteAsync(Encoding.Latin1.GetBytes(request), cancellationToken);
            client.Client.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream, Encoding.Latin1);
            return await reader.ReadLineAsync(cancellationToken) is { } line && line.Split(' ') is ["HTTP/1.1", var status, ..]
                ? int.Parse(status, System.Globalization.CultureInfo.InvariantCulture) : null;
        }
        catch (Exception e) when (e is IOException or SocketException)
        {
            return null;
        }
    }
}
