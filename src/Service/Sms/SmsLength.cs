using System.Text.Json;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.Sms;

/// <summary>How much text one SMS takes.</summary>
internal static class SmsLength
{
    /// <summary>
    /// In characters: Twilio refuses what is longer for good (https://www.twilio.com/docs/api/errors/21617), so that it is better refused while
    /// its caller can still shorten it.
    /// </summary>
    public const int Most = 1600;

    /// <summary>What the caller of a longer one is told.</summary>
    public static Problem Refusal => Problem.InvalidRequest("messageData", $"has a content that is longer than an SMS can be: at most {Most} characters");

    /// <summary>Whether the <c>content</c> of the message, a JSON object as text, is too long.</summary>
    public static bool IsTooLong(string messageData)
    {
        // What is short as a whole needs no second look.
        if (messageData.Length <= Most)
            return false;
        using var document = JsonDocument.Parse(messageData);
        return document.RootElement.TryGetProperty("content", out var content) && content.ValueKind == JsonValueKind.String
            && content.GetString()!.Length > Most;
    }
}
