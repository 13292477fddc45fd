using PhoneNumbers;

namespace Orchestrator.Service.People;

/// <summary>Reads phone numbers in whatever way they are written, as long as their country is told.</summary>
internal static class PhoneNumberFormat
{
    private const string NoNumber = "must be a phone number with a plus sign and its country code, such as +1 212 555 0123";

    private static readonly PhoneNumberUtil Library = PhoneNumberUtil.GetInstance();

    /// <summary>
    /// The number in E.164; or why it cannot be one. Its country code and length are checked, not whether its range is in use: ranges are
    /// opened faster than any list of them is brought up to date, and the provider knows best.
    /// </summary>
    /// <param name="text">With a plus sign in front.</param>
    public static (string? Number, string? Fault) Read(string text)
    {
        if (!text.TrimStart().StartsWith('+'))
            return (null, NoNumber);

        try
        {
            var number = Library.Parse(text, defaultRegion: null);
            if (number.HasExtension)
                return (null, "must be without an extension, which gets no SMS");
            return Library.IsPossibleNumberWithReason(number) switch
            {
                PhoneNumberUtil.ValidationResult.IS_POSSIBLE => (Library.Format(number, PhoneNumbers.PhoneNumberFormat.E164), null),
                PhoneNumberUtil.ValidationResult.IS_POSSIBLE_LOCAL_ONLY => (null, $"lacks its area code: too short for the country code +{number.CountryCode}"),
                PhoneNumberUtil.ValidationResult.TOO_SHORT => (null, $"is too short for the country code +{number.CountryCode}"),
                PhoneNumberUtil.ValidationResult.TOO_LONG => (null, $"is too long for the country code +{number.CountryCode}"),
                _ => (null, $"has not as many digits as numbers with the country code +{number.CountryCode}"),
            };
        }
        catch (NumberParseException e)
        {
            return (null, e.ErrorType == ErrorType.INVALID_COUNTRY_CODE ? "begins with a country code that no country has" : NoNumber);
        }
    }
}
