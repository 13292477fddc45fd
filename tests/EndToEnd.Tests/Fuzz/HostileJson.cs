using System.Text;

namespace Orchestrator.EndToEnd.Tests.Fuzz;

/// <summary>Bodies from well meant to malicious, most of them a good one with something wrong in it.</summary>
internal sealed class HostileJson(Random random)
{
    private static readonly string[] Values =
    [
        "null", "true", "5", "-1", "0", "1.5", "1e999999", "-1e999999", new('9', 400), "\"\"", "\" \"", "\"x\"", "{}", "[]", "[[]]", "[null]",
        "\"\\u0000\"", "\"a\\u0000b\"", "\"\\ud800\"", "\"\\udfff\\ud800\"", "\"\\u001b[2J\"", "\"\\u202e\"", "\"\\ufffe\"", "\"\u0001\"", "\"\U0001F600\"",
        "{\"event\": 1}", "{\"content\": 5}", "{\"content\": \"\"}", "{\"content\": \"\\ud800\"}", "{\"\\u0000\": 1}", "{\"\\ud800\": 1}", "{\"content\": \"x\", \"content\": \"y\"}",
        "{\"content\": \"x\", \"n\": 1e999999}", "{\"id\": \"s\", \"position\": 1e9, \"total\": -1}", "{\"id\": \"s\", \"position\": 2, \"total\": 1}",
        "\"0001-01-01T00:00:00Z\"", "\"9999-12-31T23:59:59.9999999Z\"", "\"2026-02-30T00:00:00Z\"", "\"2150-01-01T00:00:00+99:99\"", "\"2150-01-01T00:00:00Z\"",
        "\"'; DROP TABLE message_queue; --\"", "\"%s%n%x\"", "\"${jndi:ldap://x}\"", "\"../../etc/passwd\"", "NaN", "Infinity", "undefined", "'x'", "/* */ 1", "01", "+1", "\"\\x\"",
    ];

    private static readonly string[] Names =
    [
        "userId", "agentId", "messageData", "messages", "priority", "canDelay", "requiresFreshContext", "conversationId", "scheduledFor", "expiresAt", "topic", "sequence",
        "idempotencyKey", "phoneNumber", "firstName", "timezone", "quietHoursStart", "quietHoursEnd", "quietHoursEnabled", "hourlyLimit", "dailyLimit", "optedOut",
        "success", "__proto__", "$type", "$", "", "a.b", "\\u0000", "\\ud800", "id", "jsonrpc", "method", "params",
    ];

    /// <summary>A value that may be anything, valid JSON or not.</summary>
    public string Value() => random.Next(40) switch
    {
        0 => Nested(random.Next(10, 3000)),
        1 => $"\"{new string('x', random.Next(1, 5000))}\"",
        _ => Values[random.Next(Values.Length)],
    };

    /// <summary>A name of a field, mostly one that some route knows.</summary>
    public string Name() => Names[random.Next(Names.Length)];

    /// <summary>The fields of a good body, with something done to them.</summary>
    public string Spoiled(params IEnumerable<(string Name, string Value)> good)
    {
        var fields = good.Select(field => (field.Name, field.Value)).ToList();
        for (var i = random.Next(4); i > 0; i--)
        {
            switch (random.Next(4))
            {
                case 0 when fields.Count > 0:
                    fields.RemoveAt(random.Next(fields.Count));
                    break;
                case 1 when fields.Count > 0:
                    var at = random.Next(fields.Count);
                    fields[at] = (fields[at].Name, Value());
                    break;
                default:
                    fields.Add((Name(), Value()));
                    break;
            }
        }

        return $"{{{string.Join(", ", fields.Select(field => $"\"{field.Name}\": {field.Value}"))}}}";
    }

    /// <summary>The text as bytes, now and then cut short, overwritten or no text at all.</summary>
    public byte[] Bytes(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        switch (random.Next(12))
        {
            case 0:
                return bytes[..random.Next(bytes.Length + 1)];
            case 1 when bytes.Length > 0:
                for (var i = random.Next(1, 4); i > 0; i--)
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                return bytes;
            case 2:
                var noise = new byte[random.Next(200)];
                random.NextBytes(noise);
                return noise;
            case 3:
                return [0xEF, 0xBB, 0xBF, .. bytes];
            default:
                return bytes;
        }
    }

    private static string Nested(int depth) => $"{string.Concat(Enumerable.Repeat("{\"a\":[", depth / 2))}1{string.Concat(Enumerable.Repeat("]}", depth / 2))}";
}
