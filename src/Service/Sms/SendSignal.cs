using System.Threading.Channels;

namespace Orchestrator.Service.Sms;

/// <summary>
/// How a dispatch tells the sender of the same process that it has handed something over. A hint that saves a wait and nothing more:
/// what waits is in the database, and the sender looks there by itself as well.
/// </summary>
public sealed class SendSignal
{
    private readonly Channel<bool> _rung = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    /// <summary>Wakes the sender, or keeps it from falling asleep.</summary>
    public void Set() => _rung.Writer.TryWrite(true);

    /// <summary>Completes when the signal is set; takes it back, so that the next wait is for the next one.</summary>
    public async Task WaitAsync(CancellationToken cancellationToken) => await _rung.Reader.ReadAsync(cancellationToken);
}
