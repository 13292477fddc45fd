using System.Collections.Concurrent;
using Orchestrator.Embedded.Postgres;

namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>What happens to instances and database, one after another at random times. A deck of faults is dealt out before it is shuffled again.</summary>
/// <param name="instances">The instances.</param>
/// <param name="postgres">Their database.</param>
/// <param name="start">Starts an instance anew.</param>
/// <param name="longestPause">How long nothing happens, at most.</param>
/// <param name="longestStop">How long an instance is suspended at most, where it is suspended for long.</param>
/// <param name="random">Its choices.</param>
public sealed class Monkey(
    IReadOnlyList<Instance> instances, EmbeddedPostgres postgres, Func<Instance, Task> start, TimeSpan longestPause, TimeSpan longestStop,
    Random random)
{
    private static readonly TimeSpan ShortStop = TimeSpan.FromSeconds(2);

    /// <summary>A batch may be five seconds old when it comes to deliver, and may stand idle as long.</summary>
    private static readonly TimeSpan LongStop = TimeSpan.FromSeconds(6);

    private readonly ConcurrentDictionary<Instance, bool> _busy = new();
    private readonly ConcurrentQueue<Task> _underWay = new();
    private readonly int[] _counts = new int[Enum.GetValues<Fault>().Length];

    /// <summary>What may happen.</summary>
    public enum Fault
    {
        /// <summary>An instance is killed, and started again a little later.</summary>
        Kill,

        /// <summary>An instance is suspended for a moment.</summary>
        SuspendShortly,

        /// <summary>An instance is suspended for longer than it may hold a batch.</summary>
        SuspendLong,

        /// <summary>The database is stopped without notice and started again.</summary>
        RestartDatabase,

        /// <summary>An instance loses all its connections to the database at once.</summary>
        Disconnect,
    }

    /// <summary>How often it has happened.</summary>
    public int Count(Fault fault) => _counts[(int)fault];

    /// <summary>Makes things happen until told to stop. Then everybody is up again.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        var deck = new Stack<Fault>();
        while (await Schedule.WaitAsync(longestPause * random.NextDouble(), stop))
        {
            if (deck.Count == 0)
                deck = NewDeck();
            var fault = deck.Pop();
            if (fault != Fault.RestartDatabase)
            {
                await BeginAsync(fault, stop);
                continue;
            }

            _counts[(int)fault]++;
            await postgres.RestartImmediatelyAsync(CancellationToken.None);
        }

        await Task.WhenAll(_underWay);
    }

    private Stack<Fault> NewDeck()
    {
        Fault[] faults =
        [
            Fault.Kill, Fault.Kill, Fault.Kill, Fault.SuspendShortly, Fault.SuspendShortly, Fault.SuspendLong, Fault.RestartDatabase,
            Fault.Disconnect, Fault.Disconnect,
        ];
        random.Shuffle(faults);
        return new Stack<Fault>(faults);
    }

    private async Task BeginAsync(Fault fault, CancellationToken stop)
    {
        var (first, second) = (random.NextDouble(), random.NextDouble());
        // One that something has happened to already is left alone until it is well again, and so is the last to which nothing has: callers
        // shall get answers, also on a machine on which a start takes long.
        List<Instance> free;
        while ((free = [.. instances.Where(i => !_busy.ContainsKey(i))]).Count <= 1)
        {
            if (!await Schedule.WaitAsync(TimeSpan.FromMilliseconds(100), stop))
                return;
        }

        var instance = free[(int)(first * free.Count)];
        _counts[(int)fault]++;
        _busy[instance] = true;
        _underWay.Enqueue(HappenAsync(fault, instance, second, stop).ContinueWith(
            happened =>
            {
                _busy.TryRemove(instance, out _);
                return happened;
            }, TaskScheduler.Default).Unwrap());
    }

    private async Task HappenAsync(Fault fault, Instance instance, double chance, CancellationToken stop)
    {
        switch (fault)
        {
            case Fault.Kill:
                await instance.KillAsync();
                await Schedule.WaitAsync(TimeSpan.FromSeconds(chance), stop);
                await start(instance);
                break;
            case Fault.SuspendShortly:
                await SuspendAsync(instance, ShortStop * chance, stop);
                break;
            case Fault.SuspendLong:
                await SuspendAsync(instance, LongStop + ((longestStop - LongStop) * chance), stop);
                break;
            case Fault.Disconnect:
                instance.CutFromDatabase();
                break;
        }
    }

    private static async Task SuspendAsync(Instance instance, TimeSpan time, CancellationToken stop)
    {
        await instance.SuspendAsync();
        await Schedule.WaitAsync(time, stop);
        await instance.ResumeAsync();
    }
}
