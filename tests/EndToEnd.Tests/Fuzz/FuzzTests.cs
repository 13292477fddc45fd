using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using Dapper;
using Npgsql;

namespace Orchestrator.EndToEnd.Tests.Fuzz;

/// <summary>Some thousand hostile requests, many at once: each is answered in time, none is the service's fault, and what is refused leaves nothing behind.</summary>
public sealed class FuzzTests(ServiceDatabase service) : IClassFixture<ServiceDatabase>
{
    // Another seed, to look further: FUZZ_SEED.
    private static readonly int Seed = int.TryParse(Environment.GetEnvironmentVariable("FUZZ_SEED"), System.Globalization.CultureInfo.InvariantCulture, out var seed) ? seed : 20261125;

    private const int Requests = 3000;

    private const int AtOnce = 16;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private static readonly string[] Users = [.. Enumerable.Range(0, 12).Select(i => $"fuzz_{i}")];

    private readonly ConcurrentDictionary<Guid, bool> _accepted = new();
    private readonly ConcurrentDictionary<int, int> _statuses = new();
    private readonly ConcurrentBag<string> _faults = [];
    private int _created;

    [Fact]
    public async Task Whatever_is_sent_the_service_answers_in_time_and_never_with_a_fault_of_its_own_and_a_refusal_stores_nothing()
    {
        foreach (var user in Users)
            await service.AddUserAsync(user);
        await using var host = await EmbeddedHost.StartAsync([.. service.Settings, ("TWILIO_AUTH_TOKEN", "a-token")]);
        using var handler = new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8 };
        using var client = new HttpClient(handler) { BaseAddress = host.Client.BaseAddress, Timeout = Patience };
        var message = await ScheduleAsync(client);
        var users = await CountUsersAsync();

        var hostile = new HostileRequests(new Random(Seed), Users, message);
        var requests = Enumerable.Range(0, Requests).Select(_ => hostile.Next()).ToList();
        await Parallel.ForEachAsync(requests, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (request, _) => await SendAsync(client, request));
        // What becomes of a broken one may depend on when its end is noticed.
        await Parallel.ForEachAsync(Enumerable.Repeat(RawRequests.All, 10).SelectMany(all => all), new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (request, _) => await SendRawAsync(client.BaseAddress!, request));

        _faults.ShouldBeEmpty();
        (await StoredAsync()).Order().ShouldBe(_accepted.Keys.Order());
        (await CountUsersAsync() - users).ShouldBe(_created);
        (await service.SingleAsync<int>("SELECT count(*)::int FROM messages WHERE direction = 'inbound'")).ShouldBe(0);
        (await service.SingleAsync<int>("SELECT count(*)::int FROM idempotency_keys k WHERE NOT EXISTS (SELECT FROM message_queue q WHERE q.id = k.message_id)")).ShouldBe(0);
        (await client.GetJsonAsync("health")).Status.ShouldBe(HttpStatusCode.OK);
        // Chance would otherwise be free to send nothing but nonsense.
        _accepted.Count.ShouldBeGreaterThan(50);
        _created.ShouldBeGreaterThan(5);
        TestContext.Current.TestOutputHelper!.WriteLine(string.Join(", ", _statuses.OrderBy(s => s.Key).Select(s => $"{s.Value} x {s.Key}")));
        ((int[])[200, 201, 304, 400, 403, 404, 405, 406, 409, 413, 415, 422]).Except(_statuses.Keys).ShouldBeEmpty();
    }

    private async Task<Guid> ScheduleAsync(HttpClient client)
    {
        var (_, answer, _) = await client.PostAsync("schedule-message",
            $$"""{"userId": "{{Users[0]}}", "agentId": "a", "messageData": {"content": "Hi"}, "scheduledFor": "2150-01-01T00:00:00Z"}""");
        var id = answer.GetProperty("messageId").GetGuid();
        _accepted[id] = true;
        return id;
    }

    private async Task SendAsync(HttpClient client, HttpRequestMessage request)
    {
        var told = $"{request.Method} {request.RequestUri} {request.Content?.Headers.ContentType}";
        var sent = request.Content is null ? "" : await request.Content.ReadAsStringAsync(CancellationToken.None);
        try
        {
            using var response = await client.SendAsync(request, CancellationToken.None);
            var body = await response.Content.ReadAsStringAsync(CancellationToken.None);
            _statuses.AddOrUpdate((int)response.StatusCode, 1, (_, count) => count + 1);
            // A stack trace would begin its lines so.
            if ((int)response.StatusCode >= 500 || (!response.IsSuccessStatusCode && body.Contains("   at ", StringComparison.Ordinal)))
                _faults.Add($"{told}\n{sent[..Math.Min(sent.Length, 1000)]}\n{(int)response.StatusCode} {body}");
            else if (response.IsSuccessStatusCode)
                Account(request, response.StatusCode, body);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            _faults.Add($"{told}\n{sent[..Math.Min(sent.Length, 1000)]}\n{e.GetType().Name}: {e.Message} {e.InnerException?.Message}");
        }
        finally
        {
            request.Dispose();
        }
    }

    private async Task SendRawAsync(Uri address, string request)
    {
        using var patience = new CancellationTokenSource(Patience);
        try
        {
            // 505 is what there is to say to an unknown version of HTTP.
            if (await RawRequests.SendAsync(address, request, patience.Token) is >= 500 and not 505 and var status)
                _faults.Add($"{request[..Math.Min(request.Length, 200)]}\n{status}");
        }
        catch (OperationCanceledException)
        {
            _faults.Add($"{request[..Math.Min(request.Length, 200)]}\nno answer");
        }
    }

    /// <summary>Notes what an accepted request says it has stored.</summary>
    private void Account(HttpRequestMessage request, HttpStatusCode status, string body)
    {
        var path = request.RequestUri!.AbsolutePath;
        if (status == HttpStatusCode.Created)
            Interlocked.Increment(ref _created);
        else if (path == "/mcp" && body.Split("data: ") is [_, var data])
            AccountCall(JsonDocument.Parse(data).RootElement);
        else if (path == "/schedule-message" && body.StartsWith('{'))
            AccountAnswer(JsonDocument.Parse(body).RootElement);
        else if (path == "/schedule-messages" && body.StartsWith('{'))
        {
            foreach (var answer in JsonDocument.Parse(body).RootElement.GetProperty("results").EnumerateArray())
                AccountAnswer(answer);
        }
    }

    private void AccountCall(JsonElement answer)
    {
        if (answer.TryGetProperty("result", out var result) && result.TryGetProperty("structuredContent", out var content) && content.TryGetProperty("scheduledFor", out _))
            AccountAnswer(content);
    }

    private void AccountAnswer(JsonElement answer)
    {
        if (answer.TryGetProperty("messageIds", out var ids))
        {
            foreach (var id in ids.EnumerateArray())
                _accepted[id.GetGuid()] = true;
        }
        else if (answer.TryGetProperty("messageId", out var id) && id.ValueKind == JsonValueKind.String)
        {
            _accepted[id.GetGuid()] = true;
        }
    }

    private Task<int> CountUsersAsync() => service.SingleAsync<int>("SELECT count(*)::int FROM users");

    private async Task<IEnumerable<Guid>> StoredAsync()
    {
        await using var connection = new NpgsqlConnection(service.ConnectionString);
        return await connection.QueryAsync<Guid>("SELECT id FROM message_queue");
    }
}
