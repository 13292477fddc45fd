using Microsoft.Extensions.Configuration;
using NodaTime;
using Orchestrator.Core;
using Orchestrator.Service.Postgres;
using Orchestrator.Service.Rendering;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;
using Orchestrator.Service.Telemetry;

namespace Orchestrator.Service.Configuration;

/// <summary>Which of the two hosts runs the functions.</summary>
public enum HostKind
{
    /// <summary>One ASP.NET Core process that may bring its own PostgreSQL.</summary>
    Embedded,

    /// <summary>The Azure Functions host: production.</summary>
    Functions,
}

/// <summary>A setting that is missing or wrong; the message is one line that names it.</summary>
/// <param name="setting">The setting's name.</param>
/// <param name="fault">What is wrong, and what to do.</param>
public sealed class SettingsException(string setting, string fault) : Exception($"{setting}: {fault}");

/// <summary>The service's settings, read once at start-up and checked.</summary>
public sealed record Settings
{
    /// <summary>The connection string of the database; null only on the embedded host, which then starts its own.</summary>
    public string? ConnectionString { get; init; }

    /// <summary>The keys that callers may present; empty: no key is asked for.</summary>
    public IReadOnlyList<ApiKey> ApiKeys { get; init; } = [];

    /// <summary>Whether anyone may call where there are no keys; false: this machine alone.</summary>
    public bool AllowsAnonymous { get; init; }

    /// <summary>How many requests a key may make in a minute, of one instance; null: any number.</summary>
    public int? RequestsPerMinute { get; init; }

    /// <summary>The NCRONTAB schedule (six fields, seconds first) of the dispatch.</summary>
    public string ProcessQueueSchedule { get; init; } = "*/30 * * * * *";

    /// <summary>Whether what becomes due between two ticks is dispatched then, by the instance that knows of it.</summary>
    public bool WakesBetweenTicks { get; init; } = true;

    /// <summary>The numbers of the delivery rules.</summary>
    public DeliveryRules Rules { get; init; } = new();

    /// <summary>The zone of users who have none, or an unknown one.</summary>
    public DateTimeZone DefaultZone { get; init; } = DateTimeZoneProviders.Tzdb["America/New_York"];

    /// <summary>How many messages one dispatch transaction takes.</summary>
    public int BatchSize { get; init; } = 1000;

    /// <summary>How long messages are kept after they have left the queue, with their trail; null: for ever.</summary>
    public Duration? Retention { get; init; } = Duration.FromDays(90);

    /// <summary>The model that writes and judges messages; null: there is none.</summary>
    public ModelOptions? Model { get; init; }

    /// <summary>How SMS are sent, and by whom.</summary>
    public SmsSettings Sms { get; init; } = new();

    /// <summary>The Twilio account; null where none is configured.</summary>
    public TwilioOptions? Twilio { get; init; }

    /// <summary>What Twilio signs its webhooks with; null: none are taken.</summary>
    public string? TwilioAuthToken { get; init; }

    /// <summary>Where the world reaches this service; null: not known.</summary>
    public Uri? PublicBaseUrl { get; init; }

    /// <summary>What is measured, and where it goes.</summary>
    public TelemetrySettings Telemetry { get; init; } = new();

    /// <summary>The first tick of the schedule after the instant.</summary>
    public Instant NextTickAfter(Instant instant) => Instant.FromDateTimeUtc(DateTime.SpecifyKind(
        SettingsReader.ParseSchedule(ProcessQueueSchedule)!.GetNextOccurrence(instant.ToDateTimeUtc()), DateTimeKind.Utc));

    /// <summary>Without the secrets.</summary>
    public override string ToString() => $"Settings, {ApiKeys.Count} API keys, SMS by {Sms.Delivery}";

    /// <summary>Reads and checks the settings.</summary>
    /// <param name="configuration">Where from: the environment, in either host.</param>
    /// <param name="host">Which host reads them.</param>
    /// <exception cref="SettingsException">One is missing or wrong.</exception>
    public static Settings Read(IConfiguration configuration, HostKind host)
    {
        var read = new SettingsReader(configuration);
        var defaults = new DeliveryRules();
        var publicBaseUrl = read.Url("PUBLIC_BASE_URL");
        var (sms, twilio) = SmsSettingsReader.Read(read, host, publicBaseUrl);
        var settings = new Settings
        {
            ConnectionString = ReadConnectionString(read, host),
            ApiKeys = ApiKey.Read(read),
            AllowsAnonymous = read.Flag("Orchestrator:AllowAnonymous") ?? false,
            RequestsPerMinute = read.Number("Orchestrator:RequestsPerMinute", 1, 1_000_000),
            ProcessQueueSchedule = read.Schedule("PROCESS_QUEUE_SCHEDULE") ?? "*/30 * * * * *",
            WakesBetweenTicks = read.Flag("Orchestrator:WakeBetweenTicks") ?? true,
            DefaultZone = read.Zone("Orchestrator:DefaultTimeZone") ?? DateTimeZoneProviders.Tzdb["America/New_York"],
            BatchSize = read.Number("Orchestrator:BatchSize", 1, 10_000) ?? 1000,
            // A key stands for its message until a day after that has left the queue.
            Retention = read.Number("Orchestrator:RetentionDays", 0, 36_500) switch
            {
                null => new Settings().Retention,
                0 => null,
                1 => throw new SettingsException("Orchestrator__RetentionDays", "must be at least 2, or 0 to keep finished messages for ever"),
                { } days => Duration.FromDays(days),
            },
            Model = ModelOptions.Read(read),
            Sms = sms,
            Twilio = twilio,
            TwilioAuthToken = read.Text("TWILIO_AUTH_TOKEN"),
            PublicBaseUrl = publicBaseUrl,
            Telemetry = TelemetrySettings.Read(read),
            Rules = defaults with
            {
                HourlyLimit = read.Number("Orchestrator:HourlyLimit", 1, 1_000_000),
                DailyLimit = read.Number("Orchestrator:DailyLimit", 1, 1_000_000),
                QuietHours = new QuietHours(
                    read.Time("Orchestrator:QuietHoursStart") ?? defaults.QuietHours.Start,
                    read.Time("Orchestrator:QuietHoursEnd") ?? defaults.QuietHours.End),
                UrgentIgnoresQuietHours = read.Flag("Orchestrator:UrgentIgnoresQuietHours") ?? false,
                ActiveFor = Minutes("Orchestrator:ActiveMinutes", 0, 1440) ?? defaults.ActiveFor,
                BusyAbove = read.Number("Orchestrator:BusyAbove", 0, 1_000_000) ?? defaults.BusyAbove,
                CompleteWithin = read.Number("Orchestrator:SequenceHours", 1, 720) is { } hours ? Duration.FromHours(hours) : defaults.CompleteWithin,
                LowDeferral = Minutes("Orchestrator:LowDeferralMinutes", 1, 1440) ?? defaults.LowDeferral,
            },
        };

        read.RefuseUnknown("Orchestrator", "DataFolder", "PostgresBinaries", "BindAddress");
        if (host == HostKind.Functions && settings.ApiKeys.Count == 0 && !settings.AllowsAnonymous)
        {
            throw new SettingsException("ORCHESTRATOR_API_KEYS",
                "missing: set one or more keys, comma separated (or Orchestrator__AllowAnonymous=true to let anyone call)");
        }

        return settings;

        Duration? Minutes(string name, int least, int most) =>
            read.Number(name, least, most) is { } minutes ? Duration.FromMinutes(minutes) : null;
    }

    private static string? ReadConnectionString(SettingsReader read, HostKind host)
    {
        if (read.Text("DATABASE_URL") is not { } url)
        {
            return host == HostKind.Embedded ? null : throw new SettingsException("DATABASE_URL",
                "missing: set it to the PostgreSQL database, as postgres://user:password@host:5432/database");
        }

        try
        {
            return ConnectionStrings.Parse(url);
        }
        catch (FormatException e)
        {
            throw new SettingsException("DATABASE_URL", e.Message);
        }
    }
}
