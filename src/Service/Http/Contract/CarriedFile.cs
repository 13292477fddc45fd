using System.Security.Cryptography;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace Orchestrator.Service.Http.Contract;

/// <summary>A file that the service carries inside itself, with a tag by which a browser knows whether it still has it.</summary>
internal sealed class CarriedFile
{
    private readonly byte[] _content;
    private readonly string _contentType;
    private readonly string _tag;

    public CarriedFile(byte[] content, string contentType)
    {
        _content = content;
        _contentType = contentType;
        _tag = Convert.ToHexStringLower(SHA256.HashData(content).AsSpan(0, 16));
    }

    /// <summary>What a page may load and do; null: the file is no page.</summary>
    public string? ContentSecurityPolicy { get; init; }

    /// <summary>The file; 304 where the caller has it.</summary>
    public IResult ToResult() => WithHeaders(Results.Bytes(_content, _contentType, entityTag: Tag(_tag)));

    /// <summary>The same for content that is gzip: as it is where the caller takes that, else unpacked.</summary>
    public IResult ToUnpackedResult(HttpRequest request) => TakesGzip(request)
        ? new WithHeader(new WithHeader(ToResult(), HeaderNames.ContentEncoding, "gzip"), HeaderNames.Vary, HeaderNames.AcceptEncoding)
        : new WithHeader(WithHeaders(Results.Stream(Unpacked(), _contentType, entityTag: Tag(_tag + "-unpacked"))), HeaderNames.Vary, HeaderNames.AcceptEncoding);

    private System.IO.Compression.GZipStream Unpacked() => new(new MemoryStream(_content), System.IO.Compression.CompressionMode.Decompress);

    private WithHeader WithHeaders(IResult result)
    {
        // A new version of the service brings new files under the same names.
        var answer = new WithHeader(new WithHeader(result, HeaderNames.CacheControl, "no-cache"), HeaderNames.XContentTypeOptions, "nosniff");
        return ContentSecurityPolicy is null ? answer : new WithHeader(answer, HeaderNames.ContentSecurityPolicy, ContentSecurityPolicy);
    }

    private static EntityTagHeaderValue Tag(string tag) => new($"\"{tag}\"");

    private static bool TakesGzip(HttpRequest request) => request.GetTypedHeaders().AcceptEncoding
        .Any(encoding => encoding.Quality is not 0 && encoding.Value.Equals("gzip", StringComparison.OrdinalIgnoreCase));
}
