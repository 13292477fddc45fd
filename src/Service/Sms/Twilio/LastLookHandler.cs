using System.Net;

namespace Orchestrator.Service.Sms.Twilio;

/// <summary>
/// Asks the last look when a request that creates something is about to be written: its connection stands, its headers are in a buffer,
/// and not a byte has left. Also ends a request with its exchange, and tells the exchange what came back.
/// </summary>
public sealed class LastLookHandler : DelegatingHandler
{
    /// <summary>The largest answer read, in bytes: many times a full page of messages.</summary>
    private const int LargestAnswer = 16 * 1024 * 1024;

    /// <inheritdoc/>
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var exchange = TwilioExchange.Current ?? throw new InvalidOperationException("A request to Twilio belongs to an exchange.");
        if (request.Method != HttpMethod.Get)
        {
            var look = LastLook.Current ?? throw new InvalidOperationException("Nothing is sent without a last look.");
            request.Content = new LookedAt(request.Content ?? new ByteArrayContent([]), look);
        }

        exchange.Asked();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(exchange.Ends, cancellationToken);
        var response = await base.SendAsync(request, either.Token);
        // Here, because whoever reads it further up may have no token.
        await response.Content.LoadIntoBufferAsync(LargestAnswer, either.Token);
        exchange.Answered(response);
        return response;
    }

    /// <summary>A content that is only written where the last look allows it, and only once: a repetition by a lower layer is refused.</summary>
    private sealed class LookedAt : HttpContent
    {
        private readonly HttpContent _content;
        private readonly LastLook _look;

        public LookedAt(HttpContent content, LastLook look)
        {
            _content = content;
            _look = look;
            foreach (var (name, values) in content.Headers.NonValidated)
                Headers.TryAddWithoutValidation(name, values);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
        {
            if (!await _look.AllowsAsync(cancellationToken))
                throw new InvalidOperationException("The last look forbids it.");
            await _content.CopyToAsync(stream, context, cancellationToken);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _content.Headers.ContentLength ?? 0;
            return _content.Headers.ContentLength is not null;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing)
                _content.Dispose();
            base.Dispose(disposing);
        }
    }
}
