using System.Buffers;
using System.Text.Json;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Orchestrator.Service.Http;

/// <summary>Reads a request's body as a JSON object, or says why it cannot be.</summary>
internal static class JsonBody
{
    /// <summary>The largest body taken, in bytes: 256 KiB.</summary>
    public const int MostBytes = 256 * 1024;

    private const int MostDepth = 64;

    /// <summary>What is said of a text that the parser refuses for no reason known here.</summary>
    private const string Otherwise = "The parser does not take it.";

    /// <summary>What is made ready before the first byte has come, at most; the rest as it comes.</summary>
    private const int FirstBytes = 64 * 1024;

    /// <summary>Of deeper ones it is not found out which value of a list is at fault: the parser takes time with the square of the depth.</summary>
    private const int DeepestTold = 256;

    /// <summary>How many levels deeper the values of a list are nested that stands in a body.</summary>
    private const int Wrapping = 2;

    // A field that comes twice is a mistake of the caller's: whichever value was meant, the other would be lost.
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = MostDepth, AllowDuplicateProperties = false };

    /// <summary>The body; or the problem, and then the body is undefined.</summary>
    public static async Task<(JsonElement Body, Problem? Problem)> ReadAsync(HttpRequest request, CancellationToken cancellationToken)
    {
        var (body, problem) = await ReceiveAsync(request, MostBytes, cancellationToken);
        return body is null ? (default, problem)
            : body.TryParse(Strict, out var root) ? (root, NotAnObject(root))
            : (default, WrongWith(body.Bytes.Span) ?? Problem.MalformedJson(Otherwise));
    }

    /// <summary>
    /// The same for a body with a list of values, each of which may be as deep as a body. <c>IsFaulty</c>: there are fields that come twice, or values
    /// too deep, and <see cref="WrongWith"/> tells of each value of the list whether it is one of those.
    /// </summary>
    public static async Task<(JsonElement Body, bool IsFaulty, Problem? Problem)> ReadListAsync(
        HttpRequest request, int mostBytes, CancellationToken cancellationToken)
    {
        var (body, problem) = await ReceiveAsync(request, mostBytes, cancellationToken);
        if (body is null)
            return (default, IsFaulty: false, problem);
        if (body.TryParse(Strict with { MaxDepth = MostDepth + Wrapping }, out var root))
            return (root, IsFaulty: false, NotAnObject(root));
        if (JsonFault.Find(body.Bytes.Span, MostDepth, beneath: Wrapping) is { } fault)
            return (default, IsFaulty: false, Problem.MalformedJson(fault));
        return body.TryParse(new JsonDocumentOptions { MaxDepth = DeepestTold }, out root) ? (root, IsFaulty: true, NotAnObject(root))
            : (default, IsFaulty: false, Problem.MalformedJson($"It is nested more than {DeepestTold} levels deep."));
    }

    /// <summary>What is wrong with the JSON of one body; null: nothing that is known.</summary>
    public static Problem? WrongWith(ReadOnlySpan<byte> json) => JsonFault.Find(json, MostDepth) is { } fault ? Problem.MalformedJson(fault) : null;

    private static Problem? NotAnObject(JsonElement root) => root.ValueKind == JsonValueKind.Object ? null : Problem.MalformedJson("It must be a JSON object.");

    /// <summary>The body's bytes; or the problem.</summary>
    private static async Task<(Body? Body, Problem? Problem)> ReceiveAsync(HttpRequest request, int mostBytes, CancellationToken cancellationToken)
    {
        if (!IsJson(request))
            return (null, Problem.UnsupportedMediaType());
        if (request.Headers.ContentEncoding is { Count: > 0 } encodings && !string.Equals(encodings.ToString(), "identity", StringComparison.OrdinalIgnoreCase))
            return (null, Problem.UnsupportedEncoding(encodings.ToString()));

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
            return (null, Problem.BodyCutShort());
        }

        if (!isRead)
            return (null, Problem.BodyTooLarge(mostBytes));
        // The parser leaves bytes that are no text to whoever reads them.
        return Utf8.IsValid(body.Bytes.Span) ? (body, null) : (null, Problem.MalformedJson("It is not UTF-8."));
    }

    private static bool IsJson(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && (type.MediaType.Equals("application/json", StringComparison.OrdinalIgnoreCase)
            || type.Suffix.Equals("json", StringComparison.OrdinalIgnoreCase))
        && (!type.Charset.HasValue || HeaderUtilities.RemoveQuotes(type.Charset).Equals("utf-8", StringComparison.OrdinalIgnoreCase));

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

        /// <summary>Parses it; false where it cannot be.</summary>
        public bool TryParse(JsonDocumentOptions options, out JsonElement root)
        {
            try
            {
                _document = JsonDocument.Parse(Bytes, options);
                root = _document.RootElement;
                return true;
            }
            // The second is what the reader throws for a field name with half a surrogate pair, which no text can hold.
            catch (Exception e) when (e is JsonException or InvalidOperationException)
            {
                root = default;
                return false;
            }
        }

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
