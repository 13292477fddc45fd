using System.Text.Json;
using NodaTime;
using NodaTime.Text;
using NodaTime.TimeZones;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.People;

/// <summary>Reads the body of <c>PUT /users/{id}</c> and checks all that can be checked without a database.</summary>
internal static class UserChangeReader
{
    /// <summary>As wide as the columns of an adopted database.</summary>
    private const int LongestName = 100;

    private const int LongestZone = 50;

    private const int LongestNumber = 100;

    private const int HighestLimit = 1_000_000;

    private static readonly LocalTimePattern TimeOfDay = LocalTimePattern.CreateWithInvariantCulture("HH:mm");

    /// <summary>The change; or the faults by field, and then the change is null.</summary>
    public static (UserChange? Change, IReadOnlyDictionary<string, string[]> Faults) Read(JsonElement body)
    {
        var fields = new JsonFields(body);
        var change = new UserChange
        {
            PhoneNumber = Field("phoneNumber", name => Number(fields, name)),
            FirstName = Field("firstName", name => fields.Text(name, LongestName)),
            Timezone = Field("timezone", name => Zone(fields, name)),
            QuietHoursStart = Field("quietHoursStart", name => Time(fields, name)),
            QuietHoursEnd = Field("quietHoursEnd", name => Time(fields, name)),
            QuietHoursEnabled = Field("quietHoursEnabled", fields.Flag),
            HourlyLimit = Field("hourlyLimit", name => fields.Number(name, 0, HighestLimit)),
            DailyLimit = Field("dailyLimit", name => fields.Number(name, 0, HighestLimit)),
            OptedOut = OptOut(fields),
        };
        var faults = fields.Faults();
        return faults.Count > 0 ? (null, faults) : (change, faults);

        Given<T> Field<T>(string name, Func<string, T?> read) => fields.Has(name) ? new(IsGiven: true, read(name)) : default;
    }

    private static string? Number(JsonFields fields, string name)
    {
        if (fields.Text(name, LongestNumber) is not { } text)
            return null;
        var (number, fault) = PhoneNumberFormat.Read(text);
        if (fault is not null)
            fields.Fault(name, fault);
        return number;
    }

    /// <summary>The zone's canonical id: another spelling of it (US/Eastern) is a link to the same rules.</summary>
    private static string? Zone(JsonFields fields, string name)
    {
        if (fields.Text(name, LongestZone) is not { } text)
            return null;
        if (TzdbDateTimeZoneSource.Default.CanonicalIdMap.TryGetValue(text, out var id))
            return id;
        fields.Fault(name, "must be an IANA time zone such as America/New_York");
        return null;
    }

    private static LocalTime? Time(JsonFields fields, string name)
    {
        if (fields.Any(name) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.String && TimeOfDay.Parse(TextOf(value)) is { Success: true, Value: var time })
            return time;
        fields.Fault(name, "must be a local time of day such as 22:00");
        return null;
    }

    // Half a surrogate pair is no text, and no time either.
    private static string TextOf(JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            return "";
        }
    }

    /// <summary>Whether somebody wants to be written to is nobody's to forget, so null, which may as well mean "not known", says nothing.</summary>
    private static bool? OptOut(JsonFields fields)
    {
        var isGiven = fields.Has("optedOut");
        if (fields.Any("optedOut") is { ValueKind: JsonValueKind.True or JsonValueKind.False } value)
            return value.GetBoolean();
        if (isGiven)
            fields.Fault("optedOut", "must be true or false");
        return null;
    }
}
