using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Configuration;

namespace Orchestrator.Service.Http;

/// <summary>Checks the key that a caller presents. Without configured keys everyone is let in.</summary>
public sealed class ApiKeys(Settings settings)
{
    private const string Bearer = "Bearer ";

    // Digests have one length, so that the comparison takes the same time whatever the caller sends.
    private readonly byte[][] _digests = [.. settings.ApiKeys.Select(Digest)];

    /// <summary>Whether the request may pass.</summary>
    public bool Admit(HttpRequest request)
    {
        if (_digests.Length == 0)
            return true;
        if (Presented(request) is not { Length: > 0 } key)
            return false;

        var digest = Digest(key);
        var admitted = false;
        foreach (var known in _digests)
            admitted |= CryptographicOperations.FixedTimeEquals(known, digest);
        return admitted;
    }

    private static string? Presented(HttpRequest request)
    {
        var authorization = request.Headers.Authorization.ToString();
        return authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase)
            ? authorization[Bearer.Length..].Trim()
            : request.Headers["x-functions-key"].ToString().Trim();
    }

    private static byte[] Digest(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));
}
