namespace Orchestrator.Service.Sms;

/// <summary>
/// The look before the leap: whether an SMS may still go out is asked when the connection stands and nothing has been written, so that
/// a cancellation or an opt-out that came while connecting stops it, and a process that was asleep since its claim does not send late.
/// It also tells afterwards whether anything was written, on which depends whether a request without an answer may have been accepted.
/// </summary>
/// <param name="mayGoOut">The question; asked at most once.</param>
public sealed class LastLook(Func<CancellationToken, Task<bool>> mayGoOut)
{
    private static readonly AsyncLocal<LastLook?> Ambient = new();

    private int _asked;

    /// <summary>The look that belongs to the request being made, for a handler that sees nothing of the call but the request.</summary>
    public static LastLook? Current
    {
        get => Ambient.Value;
        set => Ambient.Value = value;
    }

    /// <summary>Whether the answer was no, so that nothing was written.</summary>
    public bool WasWithheld { get; private set; }

    /// <summary>Whether the request may have been written: from here on its outcome is unknown until an answer tells it.</summary>
    public bool HasGoneOut { get; private set; }

    /// <summary>Whether the request may be written now. A second question, by a layer that repeats requests, is answered with no.</summary>
    public async Task<bool> AllowsAsync(CancellationToken cancellationToken)
    {
        if (Interlocked.Exchange(ref _asked, 1) != 0)
            return false;
        if (await mayGoOut(cancellationToken))
            return HasGoneOut = true;
        WasWithheld = true;
        return false;
    }
}
