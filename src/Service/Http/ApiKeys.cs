using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Service.Http;

/// <summary>Who makes a request, as far as its key tells.</summary>
/// <param name="Key">Which of the configured keys it is, from 0; null: none is configured, and anyone may call.</param>
/// <param name="Name">The key's name; null: it has none.</param>
public sealed record Caller(int? Key, string? Name);

/// <summary>Checks the key that a caller presents. Without configured keys everyone on this machine is let in, or, where that is wanted, everyone.</summary>
public sealed class ApiKeys(Settings settings)
{
    private const string Bearer = "Bearer ";

    private static readonly Caller Anyone = new(null, null);

    // Digests have one length, so that the comparison takes the same time whatever the caller sends.
    private readonly byte[][] _digests = [.. settings.ApiKeys.Select(k => Digest(k.Key))];

    private readonly Caller[] _callers = [.. settings.ApiKeys.Select((k, index) => new Caller(index, k.Name))];

    /// <summary>Who makes the request; or why it may not pass.</summary>
    public (Caller? Caller, Problem? Refusal) Admit(HttpRequest request)
    {
        if (_digests.Length == 0)
        {
            return settings.AllowsAnonymous || Origins.NotOfThisMachine(request) is not { } name ? (Anyone, null)
                : (null, Problem.ForeignOrigin(
                    $"Without API keys only this machine is served, and '{name}' is no name of it. Set ORCHESTRATOR_API_KEYS, or Orchestrator__AllowAnonymous=true to let anyone call."));
        }

        // A proxy may want a token of its own in Authorization; the key then comes in the other header.
        Caller? found = null;
        string[] keys = [BearerToken(request), request.Headers["x-functions-key"].ToString().Trim()];
        foreach (var presented in keys)
        {
            var digest = Digest(presented);
            for (var i = 0; i < _digests.Length; i++)
            {
                if (CryptographicOperations.FixedTimeEquals(_digests[i], digest))
                    found = _callers[i];
            }
        }

        return found is not null ? (found, null) : (null, Problem.Unauthorized(isNone: keys.All(key => key.Length == 0)));
    }

    private static string BearerToken(HttpRequest request)
    {
        var authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase) ? authorization[Bearer.Length..].Trim() : "";
    }

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
