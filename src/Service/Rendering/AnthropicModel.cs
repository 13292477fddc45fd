using System.Text;
using System.Text.Json;
using Anthropic;
using Anthropic.Models.Messages;
using NodaTime;

namespace Orchestrator.Service.Rendering;

/// <summary>Claude, through Anthropic's own SDK.</summary>
/// <param name="http">Lends the connections.</param>
/// <param name="options">Which model, and its bounds.</param>
/// <param name="time">The clock of the time-out and of the latency.</param>
public sealed class AnthropicModel(IHttpClientFactory http, ModelOptions options, TimeProvider time) : ILanguageModel
{
    /// <summary>The name of the client that the factory lends.</summary>
    public const string HttpClientName = "anthropic";

    /// <summary>Room for the thinking, which counts too, and for the longest SMS in any script.</summary>
    private const int MaxTokens = 4096;

    private delegate Checked<T> Reader<T>(string answer)
        where T : class;

    /// <inheritdoc/>
    public Task<ModelReply<Verdict>> JudgeAsync(Occasion occasion, CancellationToken cancellationToken)
    {
        if (occasion.Content is null && occasion.Data is null)
            throw new ArgumentException("Neither content nor data: there is nothing to judge.", nameof(occasion));
        return AskAsync(
            occasion, Prompt.ToJudge(occasion, options.SmsLimit), Answers.VerdictSchema,
            answer => Answers.ReadVerdict(answer, occasion.Content is not null, options.SmsLimit),
            cancellationToken);
    }

    /// <inheritdoc/>
    public Task<ModelReply<string>> WriteAsync(Occasion occasion, CancellationToken cancellationToken)
    {
        if (occasion.Data is null)
            throw new ArgumentException("No data: there is nothing to write from.", nameof(occasion));
        return AskAsync(
            occasion, Prompt.ToWrite(occasion, options.SmsLimit), Answers.SmsSchema,
            answer => Answers.ReadSms(answer, options.SmsLimit),
            cancellationToken);
    }

    private async Task<ModelReply<T>> AskAsync<T>(
        Occasion occasion, Prompt prompt, IReadOnlyDictionary<string, JsonElement> schema, Reader<T> read,
        CancellationToken cancellationToken)
        where T : class
    {
        if (occasion.IsTooLong)
            return new ModelReply<T>.Failed(ModelFaults.MessageTooLong, Usage: null);

        var started = time.GetTimestamp();
        var model = options.Model;
        TokenCount? tokens = null;
        using var listener = new RetryAfterListener(time);
        using var patience = new CancellationTokenSource(options.Timeout.ToTimeSpan(), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, patience.Token);
        Checked<T> answer;
        try
        {
            using var client = NewClient(listener);
            var message = await client.Messages.Create(Parameters(prompt, schema), either.Token);
            model = message.Model.Raw();
            tokens = Count(message.Usage);
            answer = message.StopReason?.Raw() switch
            {
                "end_turn" => read(TextOf(message)),
                "refusal" => ModelFaults.Refused,
                "max_tokens" or "model_context_window_exceeded" => ModelFaults.CutOff,
                _ => ModelFaults.Malformed,
            };
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            answer = ModelFaults.TimedOut(options.Timeout);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            // The SDK reads answers lazily and by many roads: whatever it stumbles over is the answer's fault, unless it says otherwise.
            cancellationToken.ThrowIfCancellationRequested();
            answer = patience.IsCancellationRequested ? ModelFaults.TimedOut(options.Timeout) : ModelFaults.Of(e, listener.RetryAfter);
        }

        var usage = new ModelUsage(model, (long)time.GetElapsedTime(started).TotalMilliseconds, tokens);
        return answer.Fault is { } fault ? new ModelReply<T>.Failed(fault, usage) : new ModelReply<T>.Answered(answer.Value!, usage);
    }

    /// <summary>A client for one call, which neither retries nor tells anybody: backoff and records are the service's own.</summary>
    private AnthropicClient NewClient(RetryAfterListener listener) => new()
    {
        ApiKey = options.ApiKey,
        BaseUrl = options.BaseUrl.AbsoluteUri.TrimEnd('/'),
        HttpClient = http.CreateClient(HttpClientName),
        Handlers = [listener],
        MaxRetries = 0,
        // Behind the service's own, which is the one that counts.
        Timeout = (options.Timeout + Duration.FromSeconds(5)).ToTimeSpan(),
        // Spans could be told by the environment to hold the messages.
        OpenTelemetry = false,
    };

    private MessageCreateParams Parameters(Prompt prompt, IReadOnlyDictionary<string, JsonElement> schema)
    {
        var format = new JsonOutputFormat { Schema = schema };
        return new MessageCreateParams
        {
            Model = options.Model,
            MaxTokens = MaxTokens,
            System = new List<TextBlockParam> { new() { Text = prompt.Instructions, CacheControl = new CacheControlEphemeral() } },
            Messages = [new UserMessageParam(prompt.Data)],
            OutputConfig = options.Effort is null ? new OutputConfig { Format = format } : new OutputConfig { Format = format, Effort = options.Effort },
        };
    }

    private static TokenCount Count(Usage usage) => new(
        usage.InputTokens, usage.OutputTokens, usage.CacheReadInputTokens ?? 0, usage.CacheCreationInputTokens ?? 0);

    /// <summary>The text of the answer; thinking comes in blocks of its own.</summary>
    private static string TextOf(Message message)
    {
        var text = new StringBuilder();
        foreach (var block in message.Content)
        {
            if (block.TryPickText(out var part))
                text.Append(part.Text);
        }

        return text.ToString();
    }
}
