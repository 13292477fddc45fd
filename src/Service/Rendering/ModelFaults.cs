using System.Globalization;
using System.Net.Sockets;
using Anthropic.Exceptions;
using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>What may go wrong with a call, in this service's words.</summary>
internal static class ModelFaults
{
    public static readonly ModelFault Refused = new(ModelFaultKind.Refused, "refusal", "The model declined to answer.");

    public static readonly ModelFault CutOff = new(ModelFaultKind.CutOff, "max_tokens", "The model's answer was cut off.");

    public static readonly ModelFault Empty = new(ModelFaultKind.Empty, "empty", "The model wrote no text.");

    public static readonly ModelFault TooLong = new(ModelFaultKind.TooLong, "too_long", "The model's text is longer than an SMS may be.");

    public static readonly ModelFault RawData = new(ModelFaultKind.Unfit, "raw_data", "The model's text holds raw data.");

    public static readonly ModelFault Malformed = new(ModelFaultKind.Malformed, "malformed", "The model's answer does not have the form asked for.");

    public static readonly ModelFault MessageTooLong = new(
        ModelFaultKind.Unacceptable, "message_too_long", "The message holds more data than is put before the model.");

    public static readonly ModelFault LeftAlone = new(
        ModelFaultKind.Unavailable, "model_unavailable", "The model failed several times in a row and is left alone for a moment.");

    public static readonly ModelFault Stumbled = new(
        ModelFaultKind.Unacceptable, "internal_error", "The service stumbled over the message when it was to be put before the model.");

    public static ModelFault TimedOut(Duration timeout) => new(ModelFaultKind.TimedOut, "timed_out",
        string.Create(CultureInfo.InvariantCulture, $"The model did not answer within {timeout.TotalSeconds:0.#} seconds."));

    /// <summary>What an exception of the SDK or of the network means.</summary>
    /// <param name="exception">The exception; not a cancellation.</param>
    /// <param name="retryAfter">When the provider wants to be asked again; null: it did not say.</param>
    public static ModelFault Of(Exception exception, Duration? retryAfter) => exception switch
    {
        AnthropicApiException e => OfStatus((int)e.StatusCode, IsSpendLimit(e), retryAfter),
        _ when IsRefusedConnection(exception) =>
            new(ModelFaultKind.Unavailable, "unreachable", "The model's provider cannot be reached."),
        AnthropicIOException or HttpRequestException or IOException =>
            new(ModelFaultKind.Unavailable, "connection_lost", "The connection to the model's provider broke before the answer was complete."),
        _ => Malformed,
    };

    private static ModelFault OfStatus(int status, bool isSpendLimit, Duration? retryAfter)
    {
        var code = string.Create(CultureInfo.InvariantCulture, $"http_{status}");
        return status switch
        {
            429 when isSpendLimit => new(ModelFaultKind.Rejected, "spend_limit", "The spending limit of the model's account is reached."),
            429 => new(ModelFaultKind.RateLimited, "rate_limited", "The model's provider takes no more requests for the moment.", retryAfter),
            529 => new(ModelFaultKind.Unavailable, "overloaded", "The model's provider is overloaded.", retryAfter),
            401 or 403 => new(ModelFaultKind.Rejected, code, "The model's provider does not accept the key (ANTHROPIC_API_KEY)."),
            402 => new(ModelFaultKind.Rejected, code, "The account at the model's provider has a problem with its payment."),
            404 or (>= 300 and < 400) => new(ModelFaultKind.Rejected, code, "The model's provider knows no such model (ANTHROPIC_MODEL) or address (ANTHROPIC_BASE_URL)."),
            408 or 409 or >= 500 => new(ModelFaultKind.Unavailable, code, $"The model's provider has a fault of its own (status {status}).", retryAfter),
            _ => new(ModelFaultKind.Unacceptable, code, $"The model's provider does not accept the request (status {status})."),
        };
    }

    /// <summary>Such a 429 does not pass by waiting a little: it lasts until the month ends or the limit is raised.</summary>
    private static bool IsSpendLimit(AnthropicApiException e) => string.Equals(e.ErrorCode, "enforced_spend_limit_reached", StringComparison.Ordinal);

    private static bool IsRefusedConnection(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            if (exception is SocketException { SocketErrorCode: not (SocketError.ConnectionReset or SocketError.ConnectionAborted) }
                || exception is HttpRequestException
                {
                    HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError or HttpRequestError.SecureConnectionError,
                })
            {
                return true;
            }
        }

        return false;
    }
}
