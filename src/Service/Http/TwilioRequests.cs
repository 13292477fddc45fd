using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Net.Http.Headers;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Http;

/// <summary>
/// What every request of Twilio's passes through: its signature takes the place of an API key. Twilio signs the address that it was
/// given, so behind a proxy <c>PUBLIC_BASE_URL</c> must say what that is.
/// </summary>
public sealed class TwilioRequests(Requests requests, Settings settings, ILogger<TwilioRequests> logger)
{
    /// <summary>Far above any form of Twilio's, which hold a text of 1,600 characters at most.</summary>
    private const int MostBytes = 64 * 1024;

    /// <summary>Runs the handler with the form of a request that Twilio has signed; 403 for any other.</summary>
    public Task<IResult> HandleAsync(HttpRequest request, Func<IFormCollection, Task<IResult>> handle, CancellationToken cancellationToken) =>
        requests.HandleOpenAsync(request, async () =>
        {
            if (settings.TwilioAuthToken is not { } token)
                return Problem.InvalidSignature("TWILIO_AUTH_TOKEN is not set, so that nothing of Twilio's can be checked.").ToResult();
            if (!IsForm(request))
                return Problem.UnsupportedMediaType("application/x-www-form-urlencoded").ToResult();
            if (request.ContentLength > MostBytes)
                return Problem.BodyTooLarge(MostBytes).ToResult();

            // Before the signature is checked anybody may be sending: no more is read than Twilio's forms hold.
            if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
                size.MaxRequestBodySize = MostBytes;

            IFormCollection form;
            try
            {
                form = await new FormFeature(
                    request, new() { ValueCountLimit = 200, BufferBodyLengthLimit = MostBytes, KeyLengthLimit = 1000, ValueLengthLimit = MostBytes })
                    .ReadFormAsync(cancellationToken);
            }
            catch (InvalidDataException)
            {
                return Problem.MalformedForm().ToResult();
            }
            catch (IOException e) when (e is not BadHttpRequestException)
            {
                return Problem.BodyCutShort().ToResult();
            }

            if (TwilioSignature.IsValid(token, Addresses(request), form, request.Headers[TwilioSignature.Header]))
                return await handle(form);

            Log.SignatureRefused(logger, request.Path);
            return Problem.InvalidSignature("The X-Twilio-Signature does not match: check TWILIO_AUTH_TOKEN, and that PUBLIC_BASE_URL is the address that Twilio calls.").ToResult();
        });

    // Twilio's webhooks are never multipart, whose parts would be read to disk.
    private static bool IsForm(HttpRequest request) =>
        MediaTypeHeaderValue.TryParse(request.ContentType, out var type)
        && type.MediaType.Equals("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase);

    /// <summary>The addresses that Twilio may have called. Whichever one it is, only Twilio can have signed it.</summary>
    private IEnumerable<string> Addresses(HttpRequest request)
    {
        var pathAndQuery = request.GetEncodedPathAndQuery();
        if (settings.PublicBaseUrl is { } url)
        {
            yield return url.AbsoluteUri.TrimEnd('/') + pathAndQuery;
            yield break;
        }

        yield return request.GetEncodedUrl();
        var scheme = request.Headers["X-Forwarded-Proto"].ToString() is { Length: > 0 } forwarded ? forwarded : request.Scheme;
        var host = request.Headers["X-Forwarded-Host"].ToString() is { Length: > 0 } forwardedHost ? forwardedHost : request.Host.Value;
        yield return $"{scheme}://{host}{pathAndQuery}";
    }
}
