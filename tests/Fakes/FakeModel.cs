using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Orchestrator.Fakes;

/// <summary>
/// A server that speaks Anthropic's Messages API, as far as structured output goes. It is reached over HTTP, so the service may be in
/// this process or in another: point <c>ANTHROPIC_BASE_URL</c> at it.
/// </summary>
public sealed class FakeModel : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WebApplication _server;
    private readonly CancellationTokenSource _closing = new();
    private readonly Lock _lock = new();
    private readonly List<ModelRequest> _requests = [];
    private readonly HashSet<string> _cached = [];
    private readonly List<Waiter> _waiters = [];
    private int _atOnce;

    private FakeModel(string apiKey)
    {
        ApiKey = apiKey;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0").UseShutdownTimeout(TimeSpan.FromSeconds(1));
        _server = builder.Build();
        _server.Run(ServeAsync);
    }

    /// <summary>The key that requests must present.</summary>
    public string ApiKey { get; }

    /// <summary>Where it listens.</summary>
    public Uri Url => new(_server.Urls.Single());

    /// <summary>What is answered to a request, from now on. At first: every message is relevant, and every text is the same.</summary>
    public Func<ModelRequest, ModelAnswer> Answer { get; set; } = request =>
        request.AsksForVerdict ? ModelAnswer.Verdict("RELEVANT", "Nothing has changed.", request.HasContent ? "" : "Hello from the model.")
            : ModelAnswer.Sms("Hello from the model.");

    /// <summary>The requests so far, in the order in which they came.</summary>
    public IReadOnlyList<ModelRequest> Requests
    {
        get
        {
            lock (_lock)
                return [.. _requests];
        }
    }

    /// <summary>The greatest number of requests that have been in the works at one time.</summary>
    public int GreatestAtOnce { get; private set; }

    /// <summary>Starts it on a free port.</summary>
    public static async Task<FakeModel> StartAsync(string apiKey = "test-key")
    {
        var model = new FakeModel(apiKey);
        await model._server.StartAsync();
        return model;
    }

    /// <summary>Returns as soon as so many requests have come.</summary>
    /// <exception cref="TimeoutException">They have not within half a minute.</exception>
    public async Task<IReadOnlyList<ModelRequest>> RequestsAsync(int count)
    {
        await UntilAsync(requests => requests.Count >= count, $"{count} requests have come");
        return Requests;
    }

    /// <summary>Returns as soon as the condition holds of the requests; it is asked again with each that comes.</summary>
    /// <exception cref="TimeoutException">It does not within half a minute.</exception>
    public async Task UntilAsync(Func<IReadOnlyList<ModelRequest>, bool> condition, string description)
    {
        var waiter = new Waiter(condition, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            if (condition(_requests))
                return;
            _waiters.Add(waiter);
        }

        try
        {
            await waiter.Done.Task.WaitAsync(Patience);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"Waited in vain until {description}; {Requests.Count} have.", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync();
        await _server.DisposeAsync();
        _closing.Dispose();
    }

    private async Task ServeAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body);
        var request = new ModelRequest(body.RootElement.Clone(), DateTimeOffset.UtcNow);
        var answer = Complaint(context.Request, request);
        lock (_lock)
        {
            _atOnce++;
            GreatestAtOnce = Math.Max(GreatestAtOnce, _atOnce);
            _requests.Add(request);
            foreach (var waiter in _waiters.Where(w => w.Condition(_requests)))
                waiter.Done.TrySetResult();
        }

        try
        {
            await SendAsync(context, request, answer ?? Answer(request));
        }
        finally
        {
            lock (_lock)
                _atOnce--;
        }
    }

    private async Task SendAsync(HttpContext context, ModelRequest request, ModelAnswer answer)
    {
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, _closing.Token);
        try
        {
            switch (answer)
            {
                case ModelAnswer.Later later:
                    await later.Gate.WaitAsync(Patience, gone.Token);
                    await SendAsync(context, request, later.Then);
                    break;
                case ModelAnswer.Said said:
                    await WriteAsync(context, 200, Message(request, said));
                    break;
                case ModelAnswer.Failure error:
                    if (error.RetryAfter is not null)
                        context.Response.Headers.RetryAfter = error.RetryAfter;
                    await WriteAsync(context, error.Status, Problem(error));
                    break;
                case ModelAnswer.Redirect redirect:
                    context.Response.Headers.Location = redirect.To.AbsoluteUri;
                    await WriteAsync(context, 307, "");
                    break;
                case ModelAnswer.Body raw:
                    await WriteAsync(context, raw.Status, raw.Text);
                    break;
                case ModelAnswer.CutShort:
                    await BeginAsync(context);
                    context.Abort();
                    break;
                case ModelAnswer.Stalling:
                    await BeginAsync(context);
                    await Task.Delay(Timeout.Infinite, gone.Token);
                    break;
                case ModelAnswer.Dropped:
                    context.Abort();
                    break;
                case ModelAnswer.Hanging:
                    await Task.Delay(Timeout.Infinite, gone.Token);
                    break;
            }
        }
        catch (OperationCanceledException)
        {
            // The caller has given up, or the test is over.
            context.Abort();
        }
    }

    /// <summary>What the API would not accept; null: nothing.</summary>
    private ModelAnswer? Complaint(HttpRequest http, ModelRequest request)
    {
        // The SDK sends the key as a bearer token since version 13; older ones, and the API's older versions, say x-api-key.
        if (http.Headers.Authorization != $"Bearer {ApiKey}" && http.Headers["x-api-key"] != ApiKey)
            return ModelAnswer.Fails(401, "authentication_error");
        if (http.Path != "/v1/messages" || !HttpMethods.IsPost(http.Method))
            return ModelAnswer.Fails(404, "not_found_error");
        if (http.Headers["anthropic-version"].Count != 1)
            return ModelAnswer.Fails(400, "invalid_request_error");

        var body = request.Body;
        var isComplete = body.TryGetProperty("model", out _) && body.TryGetProperty("max_tokens", out _) && body.TryGetProperty("messages", out _);
        var isSampled = body.TryGetProperty("temperature", out _) || body.TryGetProperty("top_p", out _) || body.TryGetProperty("top_k", out _);
        var isBound = request.Schema is not { } schema || (schema.TryGetProperty("additionalProperties", out var more) && more.ValueKind == JsonValueKind.False);
        return isComplete && !isSampled && isBound ? null : ModelAnswer.Fails(400, "invalid_request_error");
    }

    private string Message(ModelRequest request, ModelAnswer.Said said)
    {
        // Four characters are about one token.
        var instructions = request.Instructions.Length / 4;
        var isKnown = false;
        if (request.IsToBeCached)
        {
            lock (_lock)
                isKnown = !_cached.Add(request.Instructions);
        }

        return JsonSerializer.Serialize(new
        {
            id = "msg_" + Guid.NewGuid().ToString("N"),
            type = "message",
            role = "assistant",
            model = request.Model,
            content = new object[]
            {
                new { type = "thinking", thinking = "", signature = "c2lnbmF0dXJl" },
                new { type = "text", text = said.Text, citations = (object?)null },
            },
            stop_reason = said.StopReason,
            stop_sequence = (string?)null,
            stop_details = said.StopReason == "refusal" ? new { type = "refusal", category = (string?)null, explanation = "Declined." } : null,
            usage = new
            {
                input_tokens = (request.Data.Length / 4) + (request.IsToBeCached ? 0 : instructions),
                cache_creation_input_tokens = request.IsToBeCached && !isKnown ? instructions : 0,
                cache_read_input_tokens = isKnown ? instructions : 0,
                output_tokens = said.Text.Length / 4,
                service_tier = "standard",
            },
        });
    }

    private static string Problem(ModelAnswer.Failure error) => JsonSerializer.Serialize(new
    {
        type = "error",
        error = error.Detail is null
            ? (object)new { type = error.Type, message = "As the test wanted." }
            : new { type = error.Type, message = "As the test wanted.", details = new { error_code = error.Detail } },
        request_id = "req_test",
    });

    private static async Task BeginAsync(HttpContext context)
    {
        context.Response.ContentType = "application/json";
        context.Response.ContentLength = 1000;
        await context.Response.WriteAsync("""{"id":"msg_""");
        await context.Response.Body.FlushAsync();
    }

    private static async Task WriteAsync(HttpContext context, int status, string body)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/json";
        context.Response.Headers["request-id"] = "req_test";
        await context.Response.WriteAsync(body, Encoding.UTF8);
    }

    private sealed record Waiter(Func<IReadOnlyList<ModelRequest>, bool> Condition, TaskCompletionSource Done);
}

/// <summary>A request as it came.</summary>
/// <param name="Body">The whole body.</param>
/// <param name="At">When it came.</param>
public sealed record ModelRequest(JsonElement Body, DateTimeOffset At)
{
    /// <summary>The id of the model asked for.</summary>
    public string Model => Body.GetProperty("model").GetString()!;

    /// <summary>The system prompt.</summary>
    public string Instructions => Body.TryGetProperty("system", out var system) ? system[0].GetProperty("text").GetString()! : "";

    /// <summary>Whether the system prompt is to be kept for the next request.</summary>
    public bool IsToBeCached => Instructions.Length > 0 && Body.GetProperty("system")[0].TryGetProperty("cache_control", out _);

    /// <summary>What the only user turn says.</summary>
    public string Data => Body.GetProperty("messages")[0].GetProperty("content").GetString()!;

    /// <summary>The schema of the answer; null: any text would do.</summary>
    public JsonElement? Schema => Body.TryGetProperty("output_config", out var config) && config.TryGetProperty("format", out var format)
        ? format.GetProperty("schema") : null;

    /// <summary>Whether a verdict is asked for, and not a text alone.</summary>
    public bool AsksForVerdict => Schema is { } schema && schema.GetProperty("properties").TryGetProperty("verdict", out _);

    /// <summary>Whether the message in question has a text already.</summary>
    public bool HasContent => Data.Contains("<content>", StringComparison.Ordinal);
}

/// <summary>What the fake answers.</summary>
public abstract record ModelAnswer
{
    private ModelAnswer()
    {
    }

    /// <summary>A verdict in the form that is asked for.</summary>
    public static ModelAnswer Verdict(string verdict, string reason, string sms = "") => new Said(JsonSerializer.Serialize(new { reason, verdict, sms }));

    /// <summary>A text in the form that is asked for.</summary>
    public static ModelAnswer Sms(string sms) => new Said(JsonSerializer.Serialize(new { sms }));

    /// <summary>An answer that the model declined to give.</summary>
    public static ModelAnswer Refusal { get; } = new Said("", "refusal");

    /// <summary>An error of the API's, such as 529 and <c>overloaded_error</c>.</summary>
    public static ModelAnswer Fails(int status, string type, int? retryAfterSeconds = null) =>
        new Failure(status, type, retryAfterSeconds?.ToString(CultureInfo.InvariantCulture));

    /// <summary>Any text of the model's, well formed or not.</summary>
    public sealed record Said(string Text, string StopReason = "end_turn") : ModelAnswer;

    /// <summary>An error of the API's.</summary>
    /// <param name="Status">The HTTP status.</param>
    /// <param name="Type">The API's name for it.</param>
    /// <param name="RetryAfter">The header of that name; null: none.</param>
    /// <param name="Detail">The <c>error_code</c> in the details; null: there are none.</param>
    public sealed record Failure(int Status, string Type, string? RetryAfter = null, string? Detail = null) : ModelAnswer;

    /// <summary>A body that is no message at all.</summary>
    public sealed record Body(string Text, int Status = 200) : ModelAnswer;

    /// <summary>The caller is sent elsewhere.</summary>
    public sealed record Redirect(Uri To) : ModelAnswer;

    /// <summary>Another answer, once the gate is open.</summary>
    public sealed record Later(Task Gate, ModelAnswer Then) : ModelAnswer;

    /// <summary>The connection breaks instead of an answer.</summary>
    public sealed record Dropped : ModelAnswer;

    /// <summary>The connection breaks in the middle of the answer.</summary>
    public sealed record CutShort : ModelAnswer;

    /// <summary>The beginning of an answer, and nothing more, ever.</summary>
    public sealed record Stalling : ModelAnswer;

    /// <summary>No answer, ever.</summary>
    public sealed record Hanging : ModelAnswer;
}
