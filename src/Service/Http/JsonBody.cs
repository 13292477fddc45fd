using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;

namespace Orchestrator.Service.Http;

/// <summary>Reads a request's body as a JSON object, or says why it cannot be.</summary>
internal static class JsonBody
{
    /// <summary>The largest body taken, in bytes: 256 KiB.</summary>
    public const int MostBytes = 256 * 1024;

    private const int MostDepth = 64;

    /// <summary>What is made ready before the first byte has come, at most; the rest as it comes.</summary>
    private const int FirstBytes = 64 * 1024;

    /// <summary>The body; or the problem, and then the body is undefined.</summary>
    /// <param name="request">The request.</param>
    /// <param name="cancellationToken">Ends the wait for the body.</param>
    /// <param name="mostBytes">The largest body taken, in bytes.</param>
    /// <param name="wrappedIn">How many levels deeper than in other bodies the values may be nested.</param>
    public static async Task<(JsonElement Body, Problem? Problem)> ReadAsync(
        HttpRequest request, CancellationToken cancellationToken, int mostBytes = MostBytes, int wrappedIn = 0)
    {
        if (!IsJson(request))
            return (default, Problem.UnsupportedMediaType());
        // Bodies may be large, and are: they are read into memory that is used again, as is the index that the parser makes of them.
        var body = new Body();
        request.HttpContext.Response.RegisterForDispose(body);
        bool isRead;
        try
        {
            isRead = !(request.ContentLength > mostBytes) && await body.TryReadAsync(request, mostBytes, cancellationToken);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            // The caller's connection, and none of ours.
            return (default, Problem.BodyCutShort());
        }

        if (!isRead)
            return (default, Problem.BodyTooLarge(mostBytes));
        var bytes = body.Bytes;
        // The parser leaves bytes that are no text to whoever reads them.
        if (!Utf8.IsValid(bytes.Span))
            return (default, Problem.MalformedJson("It is not UTF-8."));

        try
        {
            // A field that comes twice is a mistake of the caller's: whichever value was meant, the other would be lost.
            var document = body.Parse(new JsonDocumentOptions { MaxDepth = MostDepth + wrappedIn, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? (document.RootElement, null)
                : (default, Problem.MalformedJson("It must be a JSON object."));
        }
        catch (JsonException e)
        {
            return (default, Problem.MalformedJson(e.Message));
        }
        catch (InvalidOperationException)
        {
            // What the reader throws for a field name with half a surrogate pair, which no text can hold.
            return (default, Problem.MalformedJson("A field name holds half a surrogate pair."));
        }
    }

    private static bool IsJson(HttpRequest request) =>
        Microsoft.Net.Http.Headers.MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase))
        && (!type.Charset.HasValue || type.Charset.Equals("utf-8", StringComparison.OrdinalIgnoreCase));

    /// <summary>A body and the memory that it is in, which goes back when the request is done.</summary>
    private sealed class Body : IDisposable
    {
        private byte[] _memory = [];
        private int _count;
        private JsonDocument? _document;

        /// <summary>Without the mark that some put before it.</summary>
        public ReadOnlyMemory<byte> Bytes =>
            _memory.AsSpan(0, _count).StartsWith("\uFEFF"u8) ? _memory.AsMemory(3, _count - 3) : _memory.AsMemory(0, _count);

        /// <summary>Reads the whole body; false where it is larger than taken.</summary>
        public async Task<bool> TryReadAsync(HttpRequest request, int mostBytes, CancellationToken cancellationToken)
        {
            _memory = ArrayPool<byte>.Shared.Rent((int)Math.Min(request.ContentLength ?? 4096, FirstBytes) + 1);
            while (await request.Body.ReadAsync(_memory.AsMemory(_count), cancellationToken) is > 0 and var read)
            {
                _count += read;
                if (_count > mostBytes)
                    return false;
                if (_count == _memory.Length)
                    Grow();
            }

            return true;
        }

        public JsonDocument Parse(JsonDocumentOptions options) => _document = JsonDocument.Parse(Bytes, options);

        public void Dispose()
        {
            _document?.Dispose();
            ArrayPool<byte>.Shared.Return(_memory);
            _memory = [];
            _count = 0;
        }

        private void Grow()
        {
            var larger = ArrayPool<byte>.Shared.Rent(_memory.Length * 2);
            _memory.AsSpan(0, _count).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_memory);
            _memory = larger;
        }
    }
}
