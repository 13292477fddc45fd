using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Orchestrator.Service.Http.Contract;

/// <summary>The contract and the pages that show it: open to everyone, and made of files that the service carries, none from elsewhere.</summary>
public sealed class ContractEndpoint
{
    /// <summary>Scalar's options: no fonts, no proxy, no assistant and no counting of theirs, all of which come from their servers.</summary>
    private const string Start =
        """
        Scalar.createApiReference('#app', {
          url: '/openapi.json',
          withDefaultFonts: false,
          telemetry: false,
          agent: { disabled: true },
          mcp: { disabled: true },
          hideClientButton: true,
          showDeveloperTools: 'never',
          persistAuth: false
        })
        """;

    private readonly CarriedFile _openApi = new(OpenApiDocument.Bytes.ToArray(), "application/json");

    // The package's own endpoint wants endpoint routing, which the Functions worker has not; its script is all that is needed.
    private readonly CarriedFile _script = new(
        Resource(typeof(Scalar.AspNetCore.ScalarOptions).Assembly, "ScalarStaticAssets.scalar.js"), "text/javascript; charset=utf-8");

    private readonly CarriedFile _page = new(Encoding.UTF8.GetBytes(
        $"""
        <!doctype html>
        <html lang="en">
        <head>
          <meta charset="utf-8">
          <meta name="viewport" content="width=device-width, initial-scale=1">
          <title>Message Orchestrator</title>
          <link rel="icon" href="data:,">
        </head>
        <body>
          <div id="app"></div>
          <noscript>This page needs JavaScript. The contract itself: <a href="/openapi.json">/openapi.json</a></noscript>
          <script src="/docs/scalar.js"></script>
          <script>{Start}</script>
        </body>
        </html>
        """), "text/html; charset=utf-8")
    {
        // Whatever a script on this page tries, the key that a reader types in goes to this service alone.
        ContentSecurityPolicy = $"default-src 'none'; script-src 'self' 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Start)))}'; "
            + "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
            + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    };

    private readonly CarriedFile _errors = new(
        Encoding.UTF8.GetBytes(ErrorsPage.Render(Encoding.UTF8.GetString(Resource(typeof(ContractEndpoint).Assembly, "docs/errors.md")))),
        "text/html; charset=utf-8")
    { ContentSecurityPolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'" };

    /// <summary><c>GET /openapi.json</c>.</summary>
    public IResult GetDocument() => _openApi.ToResult();

    /// <summary><c>GET /docs</c>: the contract, to read and to try.</summary>
    public IResult GetPage() => _page.ToResult();

    /// <summary><c>GET /docs/scalar.js</c>: what the page is made by.</summary>
    public IResult GetScript(HttpRequest request) => _script.ToUnpackedResult(request);

    /// <summary><c>GET /docs/errors</c>: where the <c>type</c> of a problem points.</summary>
    public IResult GetErrors() => _errors.ToResult();

    private static byte[] Resource(System.Reflection.Assembly assembly, string name)
    {
        using var resource = assembly.GetManifestResourceStream(name) ?? throw new InvalidOperationException($"No resource {name}.");
        using var bytes = new MemoryStream();
        resource.CopyTo(bytes);
        return bytes.ToArray();
    }
}
