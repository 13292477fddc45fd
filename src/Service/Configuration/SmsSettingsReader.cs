using System.Text.RegularExpressions;
using NodaTime;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Configuration;

/// <summary>Reads how SMS are sent, and on whose account.</summary>
internal static partial class SmsSettingsReader
{
    /// <summary>The settings; the account is null where the <c>TWILIO_*</c> settings do not make one.</summary>
    /// <exception cref="SettingsException">One is missing or wrong.</exception>
    public static (SmsSettings Sms, TwilioOptions? Twilio) Read(SettingsReader read, HostKind host, Uri? publicBaseUrl)
    {
        var defaults = new SmsSettings();
        var sms = defaults with
        {
            PerSecond = read.Number("Orchestrator:SmsPerSecond", 1, 10_000) ?? defaults.PerSecond,
            Concurrency = read.Number("Orchestrator:SmsConcurrency", 1, 1000) ?? defaults.Concurrency,
            Tries = read.Number("Orchestrator:SmsTries", 1, 100) ?? defaults.Tries,
            Timeout = Seconds("Orchestrator:SmsTimeoutSeconds", 1, 60) ?? defaults.Timeout,
            SettleAfter = Seconds("Orchestrator:SmsSettleSeconds", 1, 3600) ?? defaults.SettleAfter,
        };
        var account = ReadAccount(read, out var missing);
        sms = sms with { Delivery = ReadDelivery(read, host, account is not null, missing) };
        if (sms.Delivery == SmsDelivery.Twilio && missing is not null)
            throw new SettingsException(missing, "missing: SMS_DELIVERY=twilio needs TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER");

        return (sms, account is null ? null : account with
        {
            BaseUrl = read.Url("TWILIO_BASE_URL") ?? account.BaseUrl,
            PublicBaseUrl = publicBaseUrl,
            RequestTimeout = sms.Timeout,
        });

        Duration? Seconds(string name, int least, int most) =>
            read.Number(name, least, most) is { } seconds ? Duration.FromSeconds(seconds) : null;
    }

    private static SmsDelivery ReadDelivery(SettingsReader read, HostKind host, bool hasAccount, string? missing) => read.Text("SMS_DELIVERY") switch
    {
        "twilio" => SmsDelivery.Twilio,
        "external" => SmsDelivery.External,
        "log" => SmsDelivery.Log,
        { } other => throw new SettingsException("SMS_DELIVERY", $"'{other}' is none of twilio, external, log"),
        null when hasAccount => SmsDelivery.Twilio,
        // Half an account is a slip, not a wish to send nothing.
        null when read.Text("TWILIO_ACCOUNT_SID") is not null || read.Text("TWILIO_PHONE_NUMBER") is not null => throw new SettingsException(
            missing!, "missing: TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER belong together (or set SMS_DELIVERY to external or log)"),
        null when host == HostKind.Embedded => SmsDelivery.Log,
        null => throw new SettingsException(
            "SMS_DELIVERY", "missing: set it to twilio (with the TWILIO_* settings), external (another program sends) or log (nothing is sent)"),
    };

    private static TwilioOptions? ReadAccount(SettingsReader read, out string? missing)
    {
        var sid = read.Text("TWILIO_ACCOUNT_SID");
        var token = read.Text("TWILIO_AUTH_TOKEN");
        var number = read.Text("TWILIO_PHONE_NUMBER");
        missing = sid is null ? "TWILIO_ACCOUNT_SID" : token is null ? "TWILIO_AUTH_TOKEN" : number is null ? "TWILIO_PHONE_NUMBER" : null;
        if (missing is not null)
            return null;

        // Twilio lists what it took by the very number, and whether a request was taken is found out from that list.
        return SenderNumber().IsMatch(number!) ? new TwilioOptions(sid!, token!, number!) : throw new SettingsException(
            "TWILIO_PHONE_NUMBER", $"'{Sms.PhoneNumbers.Mask(number!)}' is not a number in E.164 form, as +15555550100, nor a short code");
    }

    [GeneratedRegex(@"^(\+[1-9][0-9]{6,14}|[0-9]{3,8})$", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex SenderNumber();
}
