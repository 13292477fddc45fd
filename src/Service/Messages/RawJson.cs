using System.Text.Json;
using System.Text.Json.Serialization;

namespace Orchestrator.Service.Messages;

/// <summary>JSON that is passed on as the database has it, however large its numbers and however deep it is.</summary>
/// <param name="Text">Valid JSON.</param>
[JsonConverter(typeof(Converter))]
public sealed record RawJson(string Text)
{
    private sealed class Converter : JsonConverter<RawJson>
    {
        public override RawJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => throw new NotSupportedException();

        public override void Write(Utf8JsonWriter writer, RawJson value, JsonSerializerOptions options) =>
            writer.WriteRawValue(value.Text, skipInputValidation: true);
    }
}
