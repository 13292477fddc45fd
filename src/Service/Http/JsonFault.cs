using System.Text.Json;

namespace Orchestrator.Service.Http;

/// <summary>Says in words why a text is no JSON as it is taken here. It is looked for only once the parser has refused the text.</summary>
internal static class JsonFault
{
    /// <summary>The first fault, and where it is; null: there is none.</summary>
    /// <param name="json">The text in UTF-8.</param>
    /// <param name="mostDepth">How many levels values may be nested.</param>
    /// <param name="beneath">Of what is nested so many levels deep, no more is asked than that it is JSON; null: everything is looked at.</param>
    public static string? Find(ReadOnlySpan<byte> json, int mostDepth, int? beneath = null)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = int.MaxValue });
        try
        {
            return Find(ref reader, mostDepth, beneath);
        }
        catch (JsonException e)
        {
            return Describe(json, (int)(e.LineNumber ?? 0), (int)(e.BytePositionInLine ?? 0));
        }
        catch (InvalidOperationException)
        {
            return "A field name holds half a surrogate pair.";
        }
    }

    private static string? Find(ref Utf8JsonReader reader, int mostDepth, int? beneath)
    {
        string? fault = null;
        // Of each object that is open: the field that it is the value of, by itself or in a list, and the names that it has so far.
        var objects = new Stack<(string? Field, HashSet<string> Names)>();
        string? field = null;
        // To the end, also where a fault is found on the way: what is no JSON at all comes first.
        while (reader.Read())
        {
            switch (reader.TokenType)
            {
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth == beneath:
                    reader.Skip();
                    break;
                case JsonTokenType.StartObject or JsonTokenType.StartArray when reader.CurrentDepth >= mostDepth:
                    fault ??= $"It is nested deeper than {mostDepth} levels.";
                    reader.Skip();
                    break;
                case JsonTokenType.StartObject:
                    objects.Push((field, new(StringComparer.Ordinal)));
                    break;
                case JsonTokenType.EndObject:
                    (field, _) = objects.Pop();
                    break;
                case JsonTokenType.PropertyName:
                    field = reader.GetString()!;
                    if (!objects.Peek().Names.Add(field))
                        fault ??= $"The field '{string.Join('.', objects.Reverse().Select(o => o.Field).Append(field).OfType<string>())}' is there twice.";
                    break;
            }
        }

        return fault;
    }

    /// <param name="json">The text.</param>
    /// <param name="line">The line, from 0.</param>
    /// <param name="position">The byte in that line, from 0.</param>
    private static string Describe(ReadOnlySpan<byte> json, int line, int position)
    {
        var index = position;
        for (var i = 0; i < line; i++)
            index += json[(index - position)..].IndexOf((byte)'\n') + 1;
        var before = json[..Math.Min(index, json.Length)].TrimEnd(" \t\r\n"u8);
        if (index >= json.Length)
            return before.IsEmpty ? "It is empty." : "It ends too early: a quote, a brace or a bracket is not closed.";

        var found = json[index];
        var shown = found is >= 0x20 and < 0x7F ? $"'{(char)found}'" : $"the byte 0x{found:X2}";
        var hint = found switch
        {
            (byte)'\'' => " Texts and names stand in double quotes.",
            (byte)'/' => " Comments are not taken.",
            (byte)'}' or (byte)']' when before.EndsWith(","u8) => " No comma may stand before it.",
            < 0x20 => " In a text, it is written with a backslash.",
            _ => "",
        };
        return $"At line {line + 1}, byte {position + 1}, {shown} cannot stand.{hint}";
    }
}
