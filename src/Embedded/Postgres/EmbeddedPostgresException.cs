namespace Orchestrator.Embedded.Postgres;

/// <summary>PostgreSQL cannot be started; the message is one line that says why and what to do.</summary>
public sealed class EmbeddedPostgresException : Exception
{
    /// <param name="message">One line for the person who started the program.</param>
    /// <param name="innerException">The cause, where there is one worth keeping.</param>
    public EmbeddedPostgresException(string message, Exception? innerException = null)
        : base(message, innerException)
    {
    }
}
