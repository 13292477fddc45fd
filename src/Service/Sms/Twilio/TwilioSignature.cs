using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Primitives;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>
/// The signature of what Twilio sends, header <c>X-Twilio-Signature</c>: an HMAC-SHA1 under the account's token over the address and the
/// form, in Base64 (https://www.twilio.com/docs/usage/webhooks/webhooks-security).
/// </summary>
public static class TwilioSignature
{
    /// <summary>The header that carries it.</summary>
    public const string Header = "X-Twilio-Signature";

    /// <summary>Whether the signature is Twilio's for one of the addresses. Twilio signs an address with or without its port.</summary>
    /// <param name="authToken">The account's token.</param>
    /// <param name="urls">The addresses the request may have been sent to, with the query, as Twilio was given them.</param>
    /// <param name="form">The fields of the form.</param>
    /// <param name="signature">What the header says; null: it is missing.</param>
    public static bool IsValid(
        string authToken, IEnumerable<string> urls, IEnumerable<KeyValuePair<string, StringValues>> form, string? signature)
    {
        if (string.IsNullOrEmpty(signature) || string.IsNullOrEmpty(authToken))
            return false;

        var presented = Encoding.UTF8.GetBytes(signature);
        var fields = form.ToList();
        var valid = false;
        foreach (var url in urls.SelectMany(WithAndWithoutPort))
            valid |= CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(Compute(authToken, url, fields)), presented);
        return valid;
    }

    /// <summary>The signature of a form sent to that very address.</summary>
    [SuppressMessage("Security", "CA5350:Do Not Use Weak Cryptographic Algorithms", Justification = "It is Twilio's choice.")]
    public static string Compute(string authToken, string url, IEnumerable<KeyValuePair<string, StringValues>> form)
    {
        var signed = new StringBuilder(url);
        // Fields by name; the values of one name as Twilio's libraries take them: sorted, each once.
        foreach (var field in form.GroupBy(field => field.Key, StringComparer.Ordinal).OrderBy(field => field.Key, StringComparer.Ordinal))
        {
            var values = field.SelectMany(pair => pair.Value.Count == 0 ? [""] : pair.Value.ToArray()).Select(value => value ?? "");
            foreach (var value in values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
                signed.Append(field.Key).Append(value);
        }

        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(authToken), Encoding.UTF8.GetBytes(signed.ToString())));
    }

    // On the text, not on a Uri, which would change an escape or a capital that was signed.
    private static IEnumerable<string> WithAndWithoutPort(string url)
    {
        yield return url;
        var host = url.IndexOf("://", StringComparison.Ordinal) + 3;
        if (host < 3)
            yield break;

        var end = url.AsSpan(host).IndexOfAny('/', '?', '#') is >= 0 and var length ? host + length : url.Length;
        var port = url.AsSpan(host, end - host).LastIndexOf(':');
        if (port >= 0 && url.AsSpan(host + port + 1, end - host - port - 1).IndexOfAnyExceptInRange('0', '9') < 0)
        {
            yield return url[..(host + port)] + url[end..];
        }
        else
        {
            var standard = url.StartsWith("https", StringComparison.OrdinalIgnoreCase) ? 443 : 80;
            yield return string.Create(CultureInfo.InvariantCulture, $"{url[..end]}:{standard}{url[end..]}");
        }
    }
}
