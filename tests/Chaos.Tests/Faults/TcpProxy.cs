using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>A port of this machine that hands connections on to another one, and cuts them where the scissors say.</summary>
public sealed class TcpProxy : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Pair, bool> _open = new();
    private readonly Scissors _scissors;
    private readonly Task _accepting;

    /// <param name="scissors">Where to cut.</param>
    /// <param name="target">Where to; null: nowhere yet, and connections are refused.</param>
    public TcpProxy(Scissors scissors, IPEndPoint? target = null)
    {
        (_scissors, Target) = (scissors, target);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where connections go to that are made from now on.</summary>
    public IPEndPoint? Target { get; set; }

    /// <summary>Where it listens.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Cuts every connection at once.</summary>
    /// <returns>How many there were.</returns>
    public int CutAll()
    {
        var open = _open.Keys.ToList();
        open.ForEach(pair => pair.Reset());
        return open.Count;
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        await _accepting;
        CutAll();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
                _ = ServeAsync(await _listener.AcceptSocketAsync());
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        var pair = new Pair(client, new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp));
        _open.TryAdd(pair, value: true);
        try
        {
            if (Target is { } target)
            {
                await pair.Server.ConnectAsync(target);
                client.NoDelay = pair.Server.NoDelay = true;
                await Task.WhenAny(HandOnRequestsAsync(pair), HandOnAnswersAsync(pair));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Nobody listens there: the client is told so by the end of its own connection.
        }
        finally
        {
            _open.TryRemove(pair, out _);
            pair.Reset();
        }
    }

    private async Task HandOnRequestsAsync(Pair pair)
    {
        await HandOnAsync(pair.Client, pair.Server, sent =>
        {
            var cut = _scissors.OfRequest(sent);
            pair.AnswerIsLost |= cut == Cut.BeforeAnswer;
            return cut == Cut.InMidRequest ? sent.Length / 2 : null;
        });
    }

    private Task HandOnAnswersAsync(Pair pair) => HandOnAsync(
        pair.Server, pair.Client, sent => pair.AnswerIsLost ? 0 : _scissors.OfAnswer() == Cut.InMidAnswer ? sent.Length / 2 : null);

    private delegate int? Shorten(ReadOnlySpan<byte> sent);

    /// <summary>Hands on all that comes until the end, or until something is cut short.</summary>
    private static async Task HandOnAsync(Socket from, Socket to, Shorten shorten)
    {
        try
        {
            var buffer = new byte[64 * 1024];
            while (await from.ReceiveAsync(buffer) is > 0 and var length)
            {
                var left = shorten(buffer.AsSpan(0, length));
                for (int at = 0, end = left ?? length; at < end;)
                    at += await to.SendAsync(buffer.AsMemory(at, end - at));
                if (left is not null)
                    return;
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side has gone; the other follows.
        }
    }

    /// <summary>A connection and the one that it is handed on to.</summary>
    private sealed class Pair(Socket client, Socket server)
    {
        public Socket Client { get; } = client;

        public Socket Server { get; } = server;

        private bool _isReset;

        /// <summary>Whether what was sent last arrives, and its answer does not.</summary>
        public volatile bool AnswerIsLost;

        /// <summary>Ends both, so that the peers see a broken connection and not an orderly end.</summary>
        public void Reset()
        {
            if (Interlocked.Exchange(ref _isReset, true))
                return;
            foreach (var socket in (Socket[])[Client, Server])
            {
                socket.LingerState = new LingerOption(enable: true, seconds: 0);
                socket.Dispose();
            }
        }
    }
}
