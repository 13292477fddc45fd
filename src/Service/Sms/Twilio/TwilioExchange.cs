using NodaTime;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>
/// One call to Twilio as its handler sees it: what ends it, and what its answer said beside the body. Twilio's SDK hands neither a
/// token down nor headers up.
/// </summary>
public sealed class TwilioExchange : IDisposable
{
    private static readonly AsyncLocal<TwilioExchange?> Ambient = new();

    private readonly CancellationTokenSource _ends;

    private TwilioExchange(CancellationTokenSource ends) => _ends = ends;

    /// <summary>The exchange under way in this flow of execution; null: none.</summary>
    public static TwilioExchange? Current => Ambient.Value;

    /// <summary>Cancelled when nobody waits for the answer any more, or the time is up.</summary>
    public CancellationToken Ends => _ends.Token;

    /// <summary>The HTTP status; null: no answer came.</summary>
    public int? Status { get; private set; }

    /// <summary>When Twilio wants to be asked again; null: it does not say.</summary>
    public Duration? RetryAfter { get; private set; }

    /// <summary>Begins one, which the requests made in this flow of execution belong to until it is disposed of.</summary>
    /// <param name="timeout">How long it may take.</param>
    /// <param name="look">The last look at what is to be sent; null: nothing is.</param>
    /// <param name="cancellationToken">Ends it earlier.</param>
    public static TwilioExchange Begin(Duration timeout, LastLook? look, CancellationToken cancellationToken)
    {
        var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        ends.CancelAfter(timeout.ToTimeSpan());
        LastLook.Current = look;
        return Ambient.Value = new TwilioExchange(ends);
    }

    /// <summary>Notes that an answer is waited for: what an earlier one said does not count any more.</summary>
    internal void Asked() => (Status, RetryAfter) = (null, null);

    /// <summary>Notes what came back.</summary>
    internal void Answered(HttpResponseMessage response)
    {
        Status = (int)response.StatusCode;
        var header = response.Headers.RetryAfter;
        RetryAfter = header?.Delta is { } delta ? Duration.FromTimeSpan(delta)
            // A date is on the provider's clock: measured against the provider's own Date where it gives one.
            : header?.Date is { } date ? Duration.FromTimeSpan(date - (response.Headers.Date ?? DateTimeOffset.UtcNow))
            : null;
        if (RetryAfter < Duration.Zero)
            RetryAfter = Duration.Zero;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Ambient.Value = null;
        LastLook.Current = null;
        _ends.Dispose();
    }
}
