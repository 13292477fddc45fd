using System.Globalization;
using Microsoft.Extensions.Configuration;
using NCrontab;
using NodaTime;
using NodaTime.Text;

namespace Orchestrator.Service.Configuration;

/// <summary>Reads single settings and refuses wrong ones by name. An empty value counts as not set.</summary>
internal sealed class SettingsReader(IConfiguration configuration)
{
    private static readonly LocalTimePattern TimeOfDay = LocalTimePattern.CreateWithInvariantCulture("HH:mm");

    private static readonly DateTime SomeDay = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly HashSet<string> _asked = new(StringComparer.OrdinalIgnoreCase);

    public string? Text(string name)
    {
        _asked.Add(name);
        return configuration[name] is { } value && !string.IsNullOrWhiteSpace(value) ? value.Trim() : null;
    }

    public IReadOnlyList<string> List(string name) =>
        Text(name)?.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) ?? [];

    public int? Number(string name, int least, int most) => Text(name) is not { } text ? null
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
        : throw Wrong(name, $"must be a whole number from {least} to {most}");

    public bool? Flag(string name) => Text(name) is not { } text ? null
        : bool.TryParse(text, out var flag) ? flag
        : throw Wrong(name, "must be true or false");

    public LocalTime? Time(string name) => Text(name) is not { } text ? null
        : TimeOfDay.Parse(text) is { Success: true, Value: var time } ? time
        : throw Wrong(name, "must be a local time of day such as 22:00");

    public DateTimeZone? Zone(string name) => Text(name) is not { } text ? null
        : DateTimeZoneProviders.Tzdb.GetZoneOrNull(text)
        ?? throw Wrong(name, "must be an IANA time zone such as America/New_York");

    public Uri? Url(string name) => Text(name) is not { } text ? null
        : Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" && url is { Query: "", Fragment: "" } ? url
        : throw Wrong(name, "must be an address such as https://example.com");

    /// <summary>An NCRONTAB expression of six fields, seconds first.</summary>
    public string? Schedule(string name) => Text(name) is not { } text ? null
        : ParseSchedule(text) is { } schedule && schedule.GetNextOccurrence(SomeDay, SomeDay.AddYears(30)) < SomeDay.AddYears(30) ? text
        : throw Wrong(name, "must be an NCRONTAB expression of six fields, seconds first, such as */30 * * * * *, that comes to pass");

    public static CrontabSchedule? ParseSchedule(string text) =>
        CrontabSchedule.TryParse(text, new CrontabSchedule.ParseOptions { IncludingSeconds = true });

    /// <summary>Refuses settings of the section that nobody has asked for: most likely a name misspelt.</summary>
    /// <param name="section">The section.</param>
    /// <param name="others">Names in it that a host reads by itself.</param>
    public void RefuseUnknown(string section, params ReadOnlySpan<string> others)
    {
        foreach (var setting in configuration.GetSection(section).GetChildren())
        {
            if (!_asked.Contains(setting.Path) && !others.Contains(setting.Key))
                throw Wrong(setting.Path, "is not a setting of this service");
        }
    }

    /// <summary>The name as the environment spells it: a colon is two underscores there.</summary>
    private static SettingsException Wrong(string name, string fault) =>
        new(name.Replace(":", "__", StringComparison.Ordinal), fault);
}
