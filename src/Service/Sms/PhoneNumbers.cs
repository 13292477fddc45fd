namespace Orchestrator.Service.Sms;

/// <summary>Phone numbers as they may be told.</summary>
internal static class PhoneNumbers
{
    private const int Shown = 4;

    /// <summary>The last four digits, the rest as dots: enough to recognise a phone at hand, too little to call it.</summary>
    public static string Mask(string number) => number.Length <= Shown
        ? new string('•', number.Length)
        : new string('•', number.Length - Shown) + number[^Shown..];
}
