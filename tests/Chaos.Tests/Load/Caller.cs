using System.Net;
using System.Text;
using System.Text.Json;
using Orchestrator.Chaos.Tests.Faults;

namespace Orchestrator.Chaos.Tests.Load;

/// <summary>A caller of the service as its documentation wants them: asks again, of whichever instance, until there is an answer.</summary>
/// <param name="instances">The instances; any may be dead.</param>
/// <param name="ledger">Where answers are noted.</param>
/// <param name="random">Its choices; no other caller's.</param>
public sealed class Caller(IReadOnlyList<Instance> instances, Ledger ledger, Random random)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(150);

    /// <summary>Asks until there is an answer that is one.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="path">The path.</param>
    /// <param name="body">The body, in JSON; null: none.</param>
    /// <param name="key">The idempotency key; null: none.</param>
    /// <param name="mayRepeat">Whether the request may be made again when nobody knows what became of it.</param>
    /// <param name="giveUp">When to stop.</param>
    /// <param name="mayBeRefused">Whether a refusal is right by now; null: it never is.</param>
    /// <returns>Null: it was never answered.</returns>
    public async Task<Reply?> AskAsync(
        HttpMethod method, string path, string? body, string? key, bool mayRepeat, CancellationToken giveUp, Func<bool>? mayBeRefused = null)
    {
        do
        {
            var reply = await TryAsync(method, path, body, key);
            ledger.Count(isAnswered: reply is not null);
            if (reply is null && !mayRepeat)
                return null;
            if (reply is not null && !IsForAnotherTry(reply))
                return mayBeRefused?.Invoke() == true ? reply : Noted(method, path, reply);
        }
        while (await PauseAsync(giveUp));
        return null;
    }

    private async Task<Reply?> TryAsync(HttpMethod method, string path, string? body, string? key)
    {
        using var request = new HttpRequestMessage(method, path);
        if (body is not null)
            request.Content = new StringContent(body, Encoding.UTF8, "application/json");
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        var client = instances[random.Next(instances.Count)].Client;
        try
        {
            using var response = await client.SendAsync(request);
            return new Reply(response.StatusCode, await response.Content.ReadAsStringAsync());
        }
        catch (Exception e) when (LostAnswers.IsOne(e))
        {
            return null;
        }
        catch (ShouldAssertException e)
        {
            // An answer that the contract does not know.
            ledger.AddOddAnswer(e.Message);
            return null;
        }
    }

    private static bool IsForAnotherTry(Reply reply) =>
        reply.Status == HttpStatusCode.ServiceUnavailable || reply.Code == "idempotency_key_running";

    private Reply Noted(HttpMethod method, string path, Reply reply)
    {
        // What this load asks for is never wrong, only too late at times.
        if ((int)reply.Status >= 400 && reply.Code is not ("message_not_changeable" or "message_not_cancellable"))
            ledger.AddOddAnswer($"{method} {path} was answered {(int)reply.Status} {reply.Body}");
        return reply;
    }

    private static async Task<bool> PauseAsync(CancellationToken giveUp)
    {
        await Task.Delay(Pause, giveUp).ContinueWith(_ => { }, TaskScheduler.Default);
        return !giveUp.IsCancellationRequested;
    }
}

/// <summary>An answer.</summary>
/// <param name="Status">Its status.</param>
/// <param name="Body">Its body.</param>
public sealed record Reply(HttpStatusCode Status, string Body)
{
    /// <summary>The body, read.</summary>
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    /// <summary>Whether it did what was asked for.</summary>
    public bool IsSuccess => (int)Status is >= 200 and < 300;

    /// <summary>The code of a refusal; null: it is none.</summary>
    public string? Code => !IsSuccess && Body.StartsWith('{') && Json.TryGetProperty("code", out var code) ? code.GetString() : null;
}
