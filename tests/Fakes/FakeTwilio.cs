using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using NodaTime;

namespace Orchestrator.Fakes;

/// <summary>
/// Twilio's Messages API on a port of this machine: a real server, for a service in this process or in another. It takes every SMS
/// unless told otherwise, remembers what it was asked, and calls back only when told to.
/// </summary>
public sealed partial class FakeTwilio : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly WebApplication _server;
    private readonly HttpClient _caller = new(new SocketsHttpHandler { AllowAutoRedirect = false });
    private readonly CancellationTokenSource _stopping = new();
    private readonly Lock _lock = new();
    private readonly List<FakeRequest> _requests = [];
    private readonly List<FakeSms> _accepted = [];
    private readonly Queue<FakeAnswer> _next = new();
    private readonly Dictionary<string, (int Now, int Most)> _atOnce = [];
    private TaskCompletionSource _changed = NewSignal();

    private FakeTwilio(WebApplication server, string accountSid, string authToken)
    {
        _server = server;
        AccountSid = accountSid;
        AuthToken = authToken;
    }

    /// <summary>The only account.</summary>
    public string AccountSid { get; }

    /// <summary>Its secret.</summary>
    public string AuthToken { get; }

    /// <summary>Where the server is.</summary>
    public Uri BaseUrl => new(_server.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single());

    /// <summary>The server's clock.</summary>
    public IClock Clock { get; set; } = SystemClock.Instance;

    /// <summary>What to do with a request to send for which no answer is waiting.</summary>
    public Func<FakeRequest, FakeAnswer> Script { get; set; } = _ => new FakeAnswer.Accept();

    /// <summary>How a text is shown in answers and lists; a trial account's begins with a sentence of Twilio's.</summary>
    public Func<string, string> Shown { get; set; } = text => text;

    /// <summary>The most messages on one page of a list, whatever is asked for.</summary>
    public int MostPerPage { get; set; } = 1000;

    /// <summary>How long after an SMS was taken the list shows it.</summary>
    public Duration ListsAfter { get; set; }

    /// <summary>What to answer to a list; null: the list.</summary>
    public FakeAnswer? ListAnswer { get; set; }

    /// <summary>Every request so far, oldest first.</summary>
    public IReadOnlyList<FakeRequest> Requests
    {
        get
        {
            lock (_lock)
                return [.. _requests];
        }
    }

    /// <summary>Every request to send so far, oldest first.</summary>
    public IReadOnlyList<FakeRequest> SendRequests => [.. Requests.Where(request => request.Method == "POST")];

    /// <summary>Every SMS taken so far, oldest first.</summary>
    public IReadOnlyList<FakeSms> Accepted
    {
        get
        {
            lock (_lock)
                return [.. _accepted];
        }
    }

    /// <summary>Starts one on a free port.</summary>
    public static async Task<FakeTwilio> StartAsync(
        string accountSid = "AC00000000000000000000000000000000", string authToken = "the-auth-token")
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var server = builder.Build();
        var twilio = new FakeTwilio(server, accountSid, authToken);
        server.Run(twilio.AnswerAsync);
        await server.StartAsync();
        return twilio;
    }

    /// <summary>What to do with the next requests to send, one each, before the script is asked again.</summary>
    public void Next(params ReadOnlySpan<FakeAnswer> answers)
    {
        lock (_lock)
        {
            foreach (var answer in answers)
                _next.Enqueue(answer);
        }
    }

    /// <summary>The greatest number of requests to send to that number which were under way together.</summary>
    public int MostAtOnce(string to)
    {
        lock (_lock)
            return _atOnce.GetValueOrDefault(to).Most;
    }

    /// <summary>Puts an SMS among those taken, as though somebody had sent it.</summary>
    public FakeSms Hold(string from, string to, string body, Instant at) => Take(
        new FakeRequest("POST", "", null, new Dictionary<string, string> { ["From"] = from, ["To"] = to, ["Body"] = body }), at);

    /// <summary>Puts an SMS further on, as the list shows it; calls nobody back.</summary>
    public void Advance(FakeSms sms, string status, int? errorCode = null)
    {
        lock (_lock)
            (sms.Status, sms.ErrorCode) = (status, errorCode);
        Signal();
    }

    /// <summary>Waits until something has happened here; 30 seconds at most.</summary>
    public async Task WaitForAsync(Func<FakeTwilio, bool> happened, CancellationToken cancellationToken = default)
    {
        var since = Stopwatch.GetTimestamp();
        while (true)
        {
            var changed = Volatile.Read(ref _changed).Task;
            if (happened(this))
                return;
            var left = Patience - Stopwatch.GetElapsedTime(since);
            try
            {
                await changed.WaitAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, cancellationToken);
            }
            catch (TimeoutException late)
            {
                throw new TimeoutException(
                    $"It did not happen in {Patience.TotalSeconds} s; Twilio has had {Requests.Count} requests and taken {Accepted.Count} SMS.",
                    late);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _server.StopAsync();
        await _server.DisposeAsync();
        _caller.Dispose();
        _stopping.Dispose();
    }

    private async Task AnswerAsync(HttpContext http)
    {
        var request = await ReadAsync(http.Request);
        lock (_lock)
            _requests.Add(request);
        Signal();

        var messages = $"/2010-04-01/Accounts/{AccountSid}/Messages";
        var path = http.Request.Path.Value ?? "";
        if (request.Authorization != Credentials)
            await RefuseAsync(http, 401, 20003, retryAfter: null);
        else if (HttpMethods.IsPost(request.Method) && path == messages + ".json")
            await SendAsync(http, request);
        else if (HttpMethods.IsGet(request.Method) && path == messages + ".json")
            await ListAsync(http);
        else if (HttpMethods.IsGet(request.Method) && Accepted.FirstOrDefault(sms => path == $"{messages}/{sms.Sid}.json") is { } sms)
            await WriteAsync(http, 200, Json(sms));
        else
            await RefuseAsync(http, 404, 20404, retryAfter: null);
    }

    private string Credentials => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{AccountSid}:{AuthToken}"));

    private async Task SendAsync(HttpContext http, FakeRequest request)
    {
        var to = request.Field("To") ?? "";
        Count(to, 1);
        try
        {
            if (Fault(request) is { } code)
                await RefuseAsync(http, 400, code, retryAfter: null);
            else
                await PlayAsync(http, request, NextAnswer(request));
        }
        finally
        {
            Count(to, -1);
        }
    }

    private async Task PlayAsync(HttpContext http, FakeRequest request, FakeAnswer answer)
    {
        switch (answer)
        {
            case FakeAnswer.Accept:
                await WriteAsync(http, 201, Json(Take(request)));
                break;
            case FakeAnswer.AcceptThenDrop:
                Take(request);
                http.Abort();
                break;
            case FakeAnswer.AcceptThenAnswerAfter after:
                var sms = Take(request);
                if (await OpensAsync(after.Gate, http))
                    await WriteAsync(http, 201, Json(sms));
                break;
            case FakeAnswer.AcceptThenFail fail:
                Take(request);
                http.Response.StatusCode = fail.Status;
                break;
            case FakeAnswer.AcceptThenGarble:
                Take(request);
                await http.Response.WriteAsync("<html>");
                break;
            case FakeAnswer.Fail fail:
                http.Response.StatusCode = fail.Status;
                break;
            case FakeAnswer.Drop:
                http.Abort();
                break;
            case FakeAnswer.Hang:
                await OpensAsync(NewSignal().Task, http);
                break;
            case FakeAnswer.Garble:
                await http.Response.WriteAsync("<html>");
                break;
            case FakeAnswer.Refuse refuse:
                await RefuseAsync(http, refuse.Status, refuse.Code, refuse.RetryAfter);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(answer), answer, message: null);
        }
    }

    /// <summary>Whether the gate opens before the client gives up and the server stops.</summary>
    private async Task<bool> OpensAsync(Task gate, HttpContext http)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(http.RequestAborted, _stopping.Token);
        try
        {
            await gate.WaitAsync(either.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    private FakeAnswer NextAnswer(FakeRequest request)
    {
        lock (_lock)
        {
            if (_next.TryDequeue(out var answer))
                return answer;
        }

        return Script(request);
    }

    private FakeSms Take(FakeRequest request) => Take(request, Clock.GetCurrentInstant());

    private FakeSms Take(FakeRequest request, Instant at)
    {
        var sms = new FakeSms("SM" + Guid.NewGuid().ToString("N"), request, at);
        lock (_lock)
            _accepted.Add(sms);
        Signal();
        return sms;
    }

    private void Count(string to, int change)
    {
        lock (_lock)
        {
            var (now, most) = _atOnce.GetValueOrDefault(to);
            _atOnce[to] = (now + change, Math.Max(most, now + change));
        }

        Signal();
    }

    private void Signal() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static async Task<FakeRequest> ReadAsync(HttpRequest request)
    {
        var fields = request.HasFormContentType
            ? (await request.ReadFormAsync()).ToDictionary(field => field.Key, field => field.Value.ToString())
            : [];
        return new FakeRequest(
            request.Method,
            request.Path + request.QueryString,
            request.Headers.Authorization.Count > 0 ? request.Headers.Authorization.ToString() : null,
            fields);
    }
}
