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
        ReadOnlyMemory<byte>? read;
        try
        {
            read = request.ContentLength > mostBytes ? null : await ReadBytesAsync(request, mostBytes, cancellationToken);
        }
        catch (IOException e) when (e is not BadHttpRequestException)
        {
            // The caller's connection, and none of ours.
            return (default, Problem.BodyCutShort());
        }

        if (read is not { } bytes)
            return (default, Problem.BodyTooLarge(mostBytes));
        // The parser leaves bytes that are no text to whoever reads them.
        if (!Utf8.IsValid(bytes.Span))
            return (default, Problem.MalformedJson("It is not UTF-8."));

        try
        {
            // A field that comes twice is a mistake of the caller's: whichever value was meant, the other would be lost.
            // Not given back to the pool that its index of values is from: the values are read until the answer is made.
            var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = MostDepth + wrappedIn, AllowDuplicateProperties = false });
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

    /// <summary>The whole body; null where it is larger than taken.</summary>
    private static async Task<ReadOnlyMemory<byte>?> ReadBytesAsync(HttpRequest request, int mostBytes, CancellationToken cancellationToken)
    {
        // A caller that says how much it sends gets one buffer of that size; it does not get more for saying more.
        var bytes = new byte[request.ContentLength is { } length ? Math.Min(length, mostBytes) + 1 : 4096];
        var count = 0;
        while (await request.Body.ReadAsync(bytes.AsMemory(count), cancellationToken) is > 0 and var read)
        {
            count += read;
            if (count > mostBytes)
                return null;
            if (count == bytes.Length)
                Array.Resize(ref bytes, (int)Math.Min(bytes.Length * 2L, mostBytes + 1L));
        }

        var body = bytes.AsMemory(0, count);
        return body.Span.StartsWith("\uFEFF"u8) ? body[3..] : body;
    }
}
