using Orchestrator.Core;

namespace Orchestrator.Service.Dispatch;

/// <summary>The lanes to look at for each of some users: whatever may go before one of their messages waits in these.</summary>
internal sealed class WorstLanes
{
    private readonly Dictionary<string, Lane> _byUser = [];

    /// <summary>The users.</summary>
    public string[] Users => [.. _byUser.Keys];

    /// <summary>The name of each user's worst lane to look at.</summary>
    public string[] Names => [.. _byUser.Values.Select(lane => lane.Name())];

    /// <summary>Looks at what may go before a message of the lane. A low message that has waited for long counts as medium.</summary>
    public void Add(string userId, Lane lane)
    {
        var worst = lane == Lane.Medium ? Lane.Low : lane;
        if (!_byUser.TryGetValue(userId, out var known) || known < worst)
            _byUser[userId] = worst;
    }
}
