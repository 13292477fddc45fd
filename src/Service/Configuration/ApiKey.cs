using System.Text.RegularExpressions;

namespace Orchestrator.Service.Configuration;

/// <summary>A key that callers may present.</summary>
/// <param name="Name">Whose it is, as the trail says; several keys may share it. Null: it has none.</param>
/// <param name="Key">The key itself.</param>
public sealed partial record ApiKey(string? Name, string Key)
{
    private const string Setting = "ORCHESTRATOR_API_KEYS";

    /// <summary>The name alone: the key is nobody's to print.</summary>
    public override string ToString() => Name ?? "unnamed";

    /// <summary>Reads the setting: keys, or <c>name:key</c>, comma separated.</summary>
    /// <exception cref="SettingsException">One is not of this form, or stands there twice.</exception>
    internal static IReadOnlyList<ApiKey> Read(SettingsReader read)
    {
        var keys = read.List(Setting).Select(Parse).ToList();
        // Who sets it wants keys to be asked for.
        if (keys.Count == 0 && read.Text(Setting) is not null)
            throw new SettingsException(Setting, "holds no key: give one or more, comma separated, or leave it unset");
        return keys.DistinctBy(k => k.Key).Count() == keys.Count ? keys
            : throw new SettingsException(Setting, "has the same key twice");
    }

    private static ApiKey Parse(string text)
    {
        if (text.Split(':', 2, StringSplitOptions.TrimEntries) is not [var name, var key])
            return new ApiKey(null, text);
        return key.Length > 0 && NamePattern().IsMatch(name) ? new ApiKey(name, key)
            : throw new SettingsException(Setting,
                "must be keys, or name:key with a name of up to 50 letters, digits, dots, dashes and underscores, comma separated");
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,50}\z", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex NamePattern();
}
