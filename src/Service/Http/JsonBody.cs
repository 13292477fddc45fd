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
            read = request.ContentLength > mostBytes ? null : await ReadBytesAsync(request.Body, mostBytes, cancellationToken);
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
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = MostDepth + wrappedIn, AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? (document.RootElement.Clone(), null)
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
    private static async Task<ReadOnlyMemory<byte>?> ReadBytesAsync(Stream body, int mostBytes, CancellationToken cancellationToken)
    {
        using var buffer = new MemoryStream();
        var chunk = new byte[16 * 1024];
        while (await body.ReadAsync(chunk, cancellationToken) is > 0 and var read)
        {
            if (buffer.Length + read > mostBytes)
                return null;
            buffer.Write(chunk, 0, read);
        }

        var bytes = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
        return bytes.Span.StartsWith("\uFEFF"u8) ? bytes[3..] : bytes;
    }
}
