using System.Data.Common;
using Npgsql;

namespace Orchestrator.Service.Postgres;

/// <summary>Reads <c>DATABASE_URL</c> in either of its forms.</summary>
public static class ConnectionStrings
{
    /// <summary>
    /// Turns a URL (<c>postgres://user:password@host:5432/database?sslmode=require</c>) or an Npgsql connection string into the
    /// connection string the service uses.
    /// </summary>
    /// <param name="databaseUrl">The setting's value.</param>
    /// <returns>The connection string, with the service's own time-outs where it names none.</returns>
    /// <exception cref="FormatException">It is neither form; the message names no secret.</exception>
    public static string Parse(string databaseUrl)
    {
        NpgsqlConnectionStringBuilder builder;
        try
        {
            builder = databaseUrl.Contains("://", StringComparison.Ordinal) ? FromUrl(new Uri(databaseUrl)) : new(databaseUrl);
        }
        catch (Exception e) when (e is ArgumentException or UriFormatException or FormatException)
        {
            // The reader's own message may quote the password.
            throw new FormatException(
                "neither a postgres:// URL nor a connection string such as \"Host=…;Username=…;Password=…;Database=…\"", e);
        }

        if (string.IsNullOrEmpty(builder.Host))
            throw new FormatException("it names no host");

        // Nothing here lives longer than a transaction, so a session needs no reset; behind a transaction-mode pooler it could
        // not be had anyway.
        builder.NoResetOnClose = true;
        builder.ApplicationName ??= "message-orchestrator";
        // Npgsql's own builder claims to contain every key it knows; the plain one knows what was given.
        var given = new DbConnectionStringBuilder { ConnectionString = builder.ConnectionString };
        if (!given.ContainsKey("Timeout"))
            builder.Timeout = 5;
        if (!given.ContainsKey("Command Timeout"))
            builder.CommandTimeout = 15;
        return builder.ConnectionString;
    }

    private static NpgsqlConnectionStringBuilder FromUrl(Uri url)
    {
        if (url.Scheme is not ("postgres" or "postgresql"))
            throw new FormatException("unknown scheme");

        var credentials = url.UserInfo.Split(':', 2);
        var builder = new NpgsqlConnectionStringBuilder
        {
            Host = url.Host,
            Port = url.Port > 0 ? url.Port : 5432,
            Database = Uri.UnescapeDataString(url.AbsolutePath.TrimStart('/')) is { Length: > 0 } name ? name : "postgres",
        };
        if (credentials[0].Length > 0)
            builder.Username = Uri.UnescapeDataString(credentials[0]);
        if (credentials.Length > 1)
            builder.Password = Uri.UnescapeDataString(credentials[1]);

        foreach (var pair in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var (key, value) = pair.Split('=', 2) is [var k, var v] ? (k, Uri.UnescapeDataString(v)) : (pair, "");
            Set(builder, key, value);
        }

        return builder;
    }

    // libpq's names, as they stand in the URLs that hosting services hand out.
    private static void Set(NpgsqlConnectionStringBuilder builder, string key, string value)
    {
        switch (key.ToUpperInvariant())
        {
            case "SSLMODE":
                builder.SslMode = Enum.Parse<SslMode>(value.Replace("-", "", StringComparison.Ordinal), ignoreCase: true);
                break;
            case "CONNECT_TIMEOUT":
                builder.Timeout = int.Parse(value, System.Globalization.CultureInfo.InvariantCulture);
                break;
            case "APPLICATION_NAME":
                builder.ApplicationName = value;
                break;
            case "PGBOUNCER":
                // Prisma's mark for a pooler: the service needs no mark.
                break;
            default:
                builder[key.Replace('_', ' ')] = value;
                break;
        }
    }
}
