using NodaTime;
using Orchestrator.Core;

namespace Orchestrator.Service.Dispatch;

/// <summary>
/// How far one sweep over the queue has come, and whom it passes by: users whom another dispatcher serves, and users with so many
/// messages due that others would have to wait while each of these is given a slot. Those have a sweep of their own afterwards.
/// </summary>
internal sealed class QueueSweep
{
    /// <summary>With more messages than this in one batch, a user is set aside until everybody else has been served.</summary>
    private const int Crowd = 20;

    // One time a lane. What lies before it has been decided, or is passed by; reading it again would cost more with every batch.
    private readonly Instant[] _from = [Instant.MinValue, Instant.MinValue, Instant.MinValue, Instant.MinValue];
    private readonly HashSet<string> _busyUsers = [];
    private readonly HashSet<string> _crowdedUsers = [];

    /// <summary>Whether users were set aside, so that another sweep is due.</summary>
    public bool HasSetAside => _crowdedUsers.Count > 0;

    /// <summary>Where each lane is to be read from, best lane first.</summary>
    public Instant[] From => [.. _from];

    /// <summary>The users whose messages are not to be claimed.</summary>
    public string[] SkippedUsers => [.. _busyUsers, .. _crowdedUsers];

    /// <summary>The sweep that serves those whom this one has set aside.</summary>
    public QueueSweep ForThoseSetAside()
    {
        var sweep = new QueueSweep();
        sweep._busyUsers.UnionWith(_busyUsers);
        return sweep;
    }

    /// <summary>Moves on behind a batch.</summary>
    /// <param name="claimed">What it claimed.</param>
    /// <param name="usersLeft">The users about whom it could decide nothing.</param>
    /// <param name="setAside">Whether users with a crowd of messages are set aside.</param>
    public void Advance(IReadOnlyList<ClaimedMessage> claimed, IEnumerable<string> usersLeft, bool setAside)
    {
        _busyUsers.UnionWith(usersLeft);
        foreach (var lane in claimed.GroupBy(m => m.Priority))
            _from[(int)(Lanes.Parse(lane.Key) ?? Lane.Medium)] = lane.Max(m => m.ScheduledFor);
        if (setAside)
            _crowdedUsers.UnionWith(claimed.CountBy(m => m.UserId).Where(user => user.Value > Crowd).Select(user => user.Key));
    }
}
