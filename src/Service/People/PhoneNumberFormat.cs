using PhoneNumbers;

namespace Orchestrator.Service.People;

/// <summary>Reads phone numbers in whatever way they are written, as long as their country is told.</summary>
internal static class PhoneNumberFormat
{
    private static readonly PhoneNumberUtil Library = PhoneNumberUtil.GetInstance();

    /// <summary>
    /// The number in E.164; null where it cannot be one. Its country code and length are checked, not whether its range is in use: ranges are
    /// opened faster than any list of them is brought up to date, and the provider knows best.
    /// </summary>
    /// <param name="text">With a plus sign in front.</param>
    public static string? Normalize(string text)
    {
        if (!text.TrimStart().StartsWith('+'))
            return null;

        try
        {
            var number = Library.Parse(text, defaultRegion: null);
            // Possible within its region alone is a number without its area code; an extension gets no SMS.
            return Library.IsPossibleNumberWithReason(number) == PhoneNumberUtil.ValidationResult.IS_POSSIBLE && !number.HasExtension
                ? Library.Format(number, PhoneNumbers.PhoneNumberFormat.E164)
                : null;
        }
        catch (NumberParseException)
        {
            return null;
        }
    }
}
