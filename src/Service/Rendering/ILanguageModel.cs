namespace Orchestrator.Service.Rendering;

/// <summary>
/// Whoever tells whether a queued message still makes sense, and puts data into words. One request a call, bounded in time: when to
/// ask again, and how many ask at once, is decided by the caller.
/// </summary>
public interface ILanguageModel
{
    /// <summary>
    /// Judges a message against what was said since it was queued. A message without content gets its text in the same call.
    /// </summary>
    /// <param name="occasion">The message and the moment; with content, data, or both.</param>
    /// <param name="cancellationToken">Gives the call up.</param>
    /// <returns>The verdict, or what went wrong: a fault of the model's or of the network's is an answer too, not an exception.</returns>
    /// <exception cref="OperationCanceledException">The call was given up.</exception>
    /// <exception cref="ArgumentException">There is neither content nor data.</exception>
    Task<ModelReply<Verdict>> JudgeAsync(Occasion occasion, CancellationToken cancellationToken);

    /// <summary>Writes the SMS of a message that has data and no content.</summary>
    /// <param name="occasion">The message and the moment; with data.</param>
    /// <param name="cancellationToken">Gives the call up.</param>
    /// <returns>A text that may be sent as it is, or what went wrong.</returns>
    /// <exception cref="OperationCanceledException">The call was given up.</exception>
    /// <exception cref="ArgumentException">There is no data.</exception>
    Task<ModelReply<string>> WriteAsync(Occasion occasion, CancellationToken cancellationToken);
}
