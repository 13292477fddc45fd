using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text.Json;
using NodaTime;
using NodaTime.Text;

namespace Orchestrator.Service.Http;

/// <summary>
/// Reads the fields of a JSON object and collects every fault by field, so that a caller learns all of them at once. A field
/// that is null counts as absent. What is left unread at the end is an unknown field.
/// </summary>
internal sealed class JsonFields(JsonElement body)
{
    /// <summary>The names of those fields that were asked for and are there.</summary>
    private readonly List<string> _read = new(capacity: 8);

    private SortedDictionary<string, List<string>>? _faults;

    /// <summary>All faults so far, by field; unknown fields among them. Asked again where there were none, if at all.</summary>
    public IReadOnlyDictionary<string, string[]> Faults()
    {
        if (_read.Count < body.GetPropertyCount())
            FaultUnread();
        return _faults?.ToDictionary(f => f.Key, f => f.Value.ToArray()) ?? (IReadOnlyDictionary<string, string[]>)FrozenDictionary<string, string[]>.Empty;
    }

    public void Fault(string field, string fault)
    {
        _faults ??= new(StringComparer.Ordinal);
        if (!_faults.TryGetValue(field, out var faults))
            _faults.Add(field, faults = []);
        faults.Add(fault);
    }

    /// <summary>Takes over the faults of an object that is the value of a field.</summary>
    public void Adopt(string name, JsonFields value)
    {
        foreach (var (field, faults) in value.Faults())
        {
            foreach (var fault in faults)
                Fault(field == "$" ? name : $"{name}.{field}", fault);
        }
    }

    /// <summary>A string of 1 to <paramref name="longest"/> characters; null where it is absent or wrong.</summary>
    public string? Text(string name, int longest, bool required = false)
    {
        if (Take(name, required) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.String)
            return Wrong<string>(name, "must be a string");
        if (!TryGetString(value, out var text))
            return Wrong<string>(name, "holds a character that cannot be stored");
        return string.IsNullOrWhiteSpace(text) ? Wrong<string>(name, "must not be empty")
            : text.Length > longest ? Wrong<string>(name, $"must not be longer than {longest} characters")
            : text;
    }

    /// <summary>True or false; null where it is absent or wrong.</summary>
    public bool? Flag(string name)
    {
        if (Take(name) is not { } value)
            return null;
        if (value.ValueKind is JsonValueKind.True or JsonValueKind.False)
            return value.GetBoolean();
        Fault(name, "must be true or false");
        return null;
    }

    /// <summary>An instant written as RFC 3339 with an offset; null where it is absent or wrong.</summary>
    public Instant? Time(string name)
    {
        if (Take(name) is not { } value)
            return null;
        if (value.ValueKind == JsonValueKind.String && TryGetString(value, out var text)
            // T and Z, the only letters, may be small.
            && OffsetDateTimePattern.Rfc3339.Parse(text.ToUpperInvariant()) is { Success: true, Value: var time })
        {
            return time.ToInstant();
        }

        Fault(name, "must be a time such as 2025-10-15T12:00:00Z");
        return null;
    }

    /// <summary>A whole number within the bounds; null where it is absent or wrong.</summary>
    public int? Number(string name, int least, int most, bool required = false)
    {
        if (Take(name, required) is not { } value)
            return null;
        // 3.0 is as whole as 3.
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number) && decimal.IsInteger(number) && number >= least && number <= most)
            return (int)number;
        Fault(name, $"must be a whole number from {least} to {most}");
        return null;
    }

    /// <summary>A JSON object; null where it is absent or wrong.</summary>
    public JsonElement? Object(string name, bool required = false)
    {
        if (Take(name, required) is not { } value)
            return null;
        if (value.ValueKind != JsonValueKind.Object)
        {
            Fault(name, "must be an object");
            return null;
        }

        // What has no escapes, and is UTF-8, has neither NUL nor half a surrogate pair.
        if (!JsonMarshal.GetRawUtf8Value(value).Contains((byte)'\\') || IsStorable(value))
            return value;
        Fault(name, "holds a character that cannot be stored");
        return null;
    }

    /// <summary>Whether the field is there and null, which clears it where that means something.</summary>
    public bool IsCleared(string name) => body.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>Whether the field is there, be it as null.</summary>
    public bool Has(string name) => body.TryGetProperty(name, out _);

    /// <summary>The value, whatever its kind, for the caller to read; null where it is absent.</summary>
    public JsonElement? Any(string name) => Take(name);

    private JsonElement? Take(string name, bool required = false)
    {
        if (body.TryGetProperty(name, out var value))
        {
            if (!_read.Contains(name))
                _read.Add(name);
            if (value.ValueKind != JsonValueKind.Null)
                return value;
        }

        if (required)
            Fault(name, "is required");
        return null;
    }

    private void FaultUnread()
    {
        foreach (var field in body.EnumerateObject().Where(field => !_read.Exists(field.NameEquals)))
        {
            if (TryGetName(field))
                Fault(field.Name, "is not a known field");
            else
                Fault("$", "has a field whose name holds a character that cannot be stored");
        }
    }

    private T? Wrong<T>(string name, string fault)
        where T : class
    {
        Fault(name, fault);
        return null;
    }

    // PostgreSQL's text holds every character but NUL; half a surrogate pair is none.
    private static bool IsStorable(string text) => !text.Contains('\0', StringComparison.Ordinal);

    private static bool IsStorable(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.String => TryGetString(element, out _),
        JsonValueKind.Array => element.EnumerateArray().All(IsStorable),
        JsonValueKind.Object => element.EnumerateObject().All(f => TryGetName(f) && IsStorable(f.Value)),
        _ => true,
    };

    private static bool TryGetString(JsonElement element, out string text)
    {
        try
        {
            text = element.GetString()!;
            return IsStorable(text);
        }
        catch (InvalidOperationException)
        {
            text = "";
            return false;
        }
    }

    private static bool TryGetName(JsonProperty property)
    {
        try
        {
            return IsStorable(property.Name);
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }
}
