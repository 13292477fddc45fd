using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Orchestrator.Service.Configuration;
using Orchestrator.Service.Sms;

namespace Orchestrator.Embedded;

/// <summary>What someone who has just started the host is told: where it listens, what to try, what is not configured.</summary>
internal static class Welcome
{
    public static void Print(IServer server, Settings settings, string database)
    {
        var bound = server.Features.Get<IServerAddressesFeature>()!.Addresses.First();
        var address = bound
            .Replace("0.0.0.0", "localhost", StringComparison.Ordinal)
            .Replace("[::]", "localhost", StringComparison.Ordinal)
            .Replace("127.0.0.1", "localhost", StringComparison.Ordinal);
        var elsewhere = bound.Contains("0.0.0.0", StringComparison.Ordinal) || bound.Contains("[::]", StringComparison.Ordinal) ? " and on every other address of this machine" : "";
        var key = settings.ApiKeys.Count == 0 ? "" : " -H 'Authorization: Bearer <key>'";
        Console.WriteLine(
            $$"""

              Message Orchestrator listens on {{address}}{{elsewhere}} ({{database}})

              Try it:
                curl {{address}}/schedule-message -H 'Content-Type: application/json'{{key}} -d '{"userId": "user_123", "agentId": "concierge_agent_456", "messageData": {"content": "Your intro request has been matched!"}, "priority": "high", "conversationId": "conv_789"}'
                curl {{address}}/health

              Not configured:
                SMS       {{Sms(settings)}}
                Model     {{(settings.Model is { } model ? $"{model.Model}" : "no ANTHROPIC_API_KEY: messages need a content of their own, and nobody judges whether they still make sense")}}
                API keys  {{ApiKeys(settings)}}

            """);
    }

    private static string ApiKeys(Settings settings) => settings switch
    {
        { ApiKeys.Count: > 0 } => "configured",
        { AllowsAnonymous: true } => "no ORCHESTRATOR_API_KEYS: whoever reaches this port may call, from whatever machine",
        _ => "no ORCHESTRATOR_API_KEYS: anyone on this machine may call",
    };

    private static string Sms(Settings settings) => (settings.Sms.Delivery, settings.PublicBaseUrl) switch
    {
        (SmsDelivery.Twilio, null) => "sent through Twilio; without PUBLIC_BASE_URL Twilio cannot report what became of them",
        (SmsDelivery.Twilio, _) => "sent through Twilio",
        (SmsDelivery.External, _) => "SMS_DELIVERY=external: pending rows of messages are left to another program",
        _ => "no TWILIO_* settings: each SMS is told here and counts as sent",
    };
}
