using System.Buffers.Text;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Orchestrator.Bench.Measuring;

/// <summary>
/// Sends requests over a fixed number of connections, each with one request on its way at a time. Raw sockets, because the client
/// shares the machine with what it measures and <see cref="HttpClient"/> would take a good part of it.
/// </summary>
/// <param name="endpoint">Where the service listens.</param>
/// <param name="request">Makes the bytes of the next request; called by all connections at once.</param>
internal sealed class HttpLoad(IPEndPoint endpoint, Func<byte[]> request)
{
    /// <summary>Sends for the given time.</summary>
    /// <returns>The milliseconds that each request took.</returns>
    /// <exception cref="InvalidOperationException">An answer was not 200.</exception>
    public Task<IReadOnlyList<double>> RunAsync(int connections, TimeSpan time)
    {
        var until = Stopwatch.GetTimestamp() + (long)(time.TotalSeconds * Stopwatch.Frequency);
        return RunAsync(connections, _ => Stopwatch.GetTimestamp() < until);
    }

    /// <summary>Sends one request over each connection.</summary>
    /// <returns>The milliseconds that each request took.</returns>
    /// <exception cref="InvalidOperationException">An answer was not 200.</exception>
    public Task<IReadOnlyList<double>> RunOnceAsync(int connections) => RunAsync(connections, sent => sent == 0);

    private async Task<IReadOnlyList<double>> RunAsync(int connections, Func<int, bool> more)
    {
        var ofConnections = await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Run(() => RunConnectionAsync(more))));
        return [.. ofConnections.SelectMany(times => times)];
    }

    private async Task<List<double>> RunConnectionAsync(Func<int, bool> more)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(endpoint);
        var buffer = new byte[16 * 1024];
        var times = new List<double>();
        while (more(times.Count))
        {
            var sent = Stopwatch.GetTimestamp();
            await socket.SendAsync(request());
            var length = 0;
            while (!IsWhole(buffer.AsSpan(0, length)))
            {
                if (length == buffer.Length)
                    Array.Resize(ref buffer, 2 * length);
                var read = await socket.ReceiveAsync(buffer.AsMemory(length));
                if (read == 0)
                    throw new InvalidOperationException("The connection was closed in mid-answer.");
                length += read;
            }

            times.Add(Stopwatch.GetElapsedTime(sent).TotalMilliseconds);
            if (!buffer.AsSpan(0, length).StartsWith("HTTP/1.1 200 "u8))
                throw new InvalidOperationException(Encoding.UTF8.GetString(buffer, 0, length));
        }

        return times;
    }

    /// <summary>Whether the head and as much of a body as it announces, or all its chunks, are there.</summary>
    private static bool IsWhole(ReadOnlySpan<byte> answer)
    {
        var head = answer.IndexOf("\r\n\r\n"u8);
        if (head < 0)
            return false;

        var lengthAt = answer[..head].IndexOf("Content-Length: "u8);
        if (lengthAt < 0)
            return answer.EndsWith("\r\n0\r\n\r\n"u8);
        return Utf8Parser.TryParse(answer[(lengthAt + "Content-Length: "u8.Length)..head], out int length, out _)
            && answer.Length == head + 4 + length;
    }
}
