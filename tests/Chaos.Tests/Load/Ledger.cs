using System.Collections.Concurrent;

namespace Orchestrator.Chaos.Tests.Load;

/// <summary>What callers have asked for and what they were told: the other side of every promise.</summary>
public sealed class Ledger
{
    private readonly ConcurrentQueue<Order> _orders = new();
    private readonly ConcurrentQueue<(string UserId, DateTime At)> _optOuts = new();
    private readonly ConcurrentQueue<(Guid MessageId, string Status)> _reports = new();
    private readonly ConcurrentQueue<string> _oddAnswers = new();
    private int _references;
    private int _answers;
    private int _lostAnswers;

    /// <summary>Every message that was asked for.</summary>
    public IReadOnlyCollection<Order> Orders => _orders;

    /// <summary>Who was opted out, and when that was answered.</summary>
    public IReadOnlyCollection<(string UserId, DateTime At)> OptOuts => _optOuts;

    /// <summary>The last that the provider said of a message, where the service has confirmed that it heard it.</summary>
    public IReadOnlyCollection<(Guid MessageId, string Status)> Reports => _reports;

    /// <summary>Answers that no caller should ever get.</summary>
    public IReadOnlyCollection<string> OddAnswers => _oddAnswers;

    /// <summary>How many requests were answered, in whatever way.</summary>
    public int Answers => _answers;

    /// <summary>How many were not.</summary>
    public int LostAnswers => _lostAnswers;

    /// <summary>A name that no other message has. All are equally long, so that none is the beginning of another.</summary>
    public string NextReference() => $"ref{Interlocked.Increment(ref _references):D8}";

    public void Add(Order order) => _orders.Enqueue(order);

    public void AddOptOut(string userId, DateTime at) => _optOuts.Enqueue((userId, at));

    public void AddReport(Guid messageId, string status) => _reports.Enqueue((messageId, status));

    /// <summary>Counts a request.</summary>
    public void Count(bool isAnswered)
    {
        if (isAnswered)
            Interlocked.Increment(ref _answers);
        else
            Interlocked.Increment(ref _lostAnswers);
    }

    public void AddOddAnswer(string answer) => _oddAnswers.Enqueue(answer);
}
