namespace Orchestrator.Fakes;

/// <summary>What <see cref="FakeTwilio"/> does with a request to send. The set is closed.</summary>
public abstract record FakeAnswer
{
    private FakeAnswer()
    {
    }

    /// <summary>Takes the SMS and says so, as Twilio does.</summary>
    public sealed record Accept : FakeAnswer;

    /// <summary>Takes the SMS and drops the connection without an answer.</summary>
    public sealed record AcceptThenDrop : FakeAnswer;

    /// <summary>Takes the SMS and answers when the gate opens; where the client gives up before, not at all.</summary>
    public sealed record AcceptThenAnswerAfter(Task Gate) : FakeAnswer;

    /// <summary>Takes the SMS and answers as though it had failed.</summary>
    public sealed record AcceptThenFail(int Status = 500) : FakeAnswer;

    /// <summary>Takes the SMS and answers 200 with something that is not JSON.</summary>
    public sealed record AcceptThenGarble : FakeAnswer;

    /// <summary>Takes nothing and answers that it failed.</summary>
    public sealed record Fail(int Status = 500) : FakeAnswer;

    /// <summary>Takes nothing and drops the connection.</summary>
    public sealed record Drop : FakeAnswer;

    /// <summary>Takes nothing and does not answer until the client gives up.</summary>
    public sealed record Hang : FakeAnswer;

    /// <summary>Takes nothing and answers 200 with something that is not JSON.</summary>
    public sealed record Garble : FakeAnswer;

    /// <summary>Takes nothing and says why.</summary>
    /// <param name="Status">The HTTP status.</param>
    /// <param name="Code">Twilio's error code; null: a body that is not JSON.</param>
    /// <param name="RetryAfter">The header's value; null: none.</param>
    public sealed record Refuse(int Status, int? Code, string? RetryAfter = null) : FakeAnswer;
}
