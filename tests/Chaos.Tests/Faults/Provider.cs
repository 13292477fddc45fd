using Orchestrator.Chaos.Tests.Load;
using Orchestrator.Fakes;

namespace Orchestrator.Chaos.Tests.Faults;

/// <summary>
/// Twilio on a bad day: it refuses, fails, hangs and hangs up, mostly after it has taken the SMS; and what it reports of an SMS comes late,
/// twice, in any order or never, to whichever instance.
/// </summary>
public sealed class Provider : IAsyncDisposable
{
    /// <summary>The number that messages come from.</summary>
    public const string ServiceNumber = "+12125550199";

    /// <summary>The carrier has blocked the number: what Twilio took never arrives, and is not sent again.</summary>
    private const int Blocked = 30004;

    private readonly FakeTwilio _twilio;
    private readonly Ledger _ledger;
    private readonly Random _random;
    private readonly Lock _lock = new();

    private Provider(FakeTwilio twilio, Ledger ledger, int seed)
    {
        (_twilio, _ledger, _random) = (twilio, ledger, new Random(seed));
        _twilio.Script = _ => Choose();
    }

    /// <summary>Whether it misbehaves.</summary>
    public bool IsOnABadDay { get; set; }

    /// <summary>What it has taken.</summary>
    public IReadOnlyList<FakeSms> Taken => _twilio.Accepted;

    /// <summary>How many requests to send it has had.</summary>
    public int Requests => _twilio.SendRequests.Count;

    /// <summary>Where the service says that it is reached.</summary>
    private static Uri Public { get; } = new("https://orchestrator.example");

    /// <summary>Starts it.</summary>
    public static async Task<Provider> StartAsync(Ledger ledger, int seed) => new(await FakeTwilio.StartAsync(), ledger, seed);

    /// <summary>How the service reaches it. A request without an answer is settled quickly.</summary>
    public IEnumerable<(string Name, string Value)> Settings =>
    [
        ("SMS_DELIVERY", "twilio"),
        ("TWILIO_ACCOUNT_SID", _twilio.AccountSid),
        ("TWILIO_AUTH_TOKEN", _twilio.AuthToken),
        ("TWILIO_PHONE_NUMBER", ServiceNumber),
        ("TWILIO_BASE_URL", _twilio.BaseUrl.AbsoluteUri),
        ("PUBLIC_BASE_URL", Public.AbsoluteUri),
        ("Orchestrator__SmsTimeoutSeconds", "3"),
        ("Orchestrator__SmsSettleSeconds", "5"),
        ("Orchestrator__SmsPerSecond", "200"),
        ("Orchestrator__SmsConcurrency", "20"),
    ];

    /// <summary>Reports what becomes of every SMS, until stopped; then what is still to be told is told.</summary>
    /// <param name="instances">Whom it tells.</param>
    /// <param name="stop">Ends it.</param>
    public async Task ReportAsync(IReadOnlyList<Instance> instances, CancellationToken stop)
    {
        var known = 0;
        var underWay = new List<Task>();
        do
        {
            var taken = Taken;
            underWay.AddRange(taken.Skip(known).Select(sms => ReportAsync(sms, instances, stop)));
            known = taken.Count;
            underWay.RemoveAll(task => task.IsCompletedSuccessfully);
        }
        while (await Schedule.WaitAsync(TimeSpan.FromMilliseconds(100), stop));
        await Task.WhenAll(underWay);
    }

    /// <summary>Brings what a person writes, as often as it takes; Twilio itself would give up earlier.</summary>
    public async Task BringAsync(string number, string text, IReadOnlyList<Instance> instances, CancellationToken stop)
    {
        var sid = "SM" + Guid.NewGuid().ToString("N");
        do
        {
            if (await TryAsync(via => _twilio.BringAsync(new Uri(Public, "twilio/inbound"), number, ServiceNumber, text, sid, via), instances))
                return;
        }
        while (await Schedule.WaitAsync(TimeSpan.FromMilliseconds(300), stop));
    }

    public ValueTask DisposeAsync() => _twilio.DisposeAsync();

    /// <summary>The sum of all that leaves an outcome unknown is small: three of those in a row stop the sending for everybody.</summary>
    private FakeAnswer Choose()
    {
        if (!IsOnABadDay)
            return new FakeAnswer.Accept();

        lock (_lock)
        {
            return _random.Next(200) switch
            {
                < 3 => new FakeAnswer.AcceptThenDrop(),
                < 5 => new FakeAnswer.AcceptThenFail(_random.Next(2) == 0 ? 500 : 503),
                < 6 => new FakeAnswer.AcceptThenGarble(),
                < 7 => new FakeAnswer.AcceptThenAnswerAfter(Task.Delay(TimeSpan.FromSeconds(30))),
                < 8 => new FakeAnswer.Hang(),
                < 10 => new FakeAnswer.Drop(),
                < 12 => new FakeAnswer.Fail(),
                < 16 => new FakeAnswer.Refuse(429, 20429, "1"),
                < 30 => new FakeAnswer.AcceptThenAnswerAfter(Task.Delay(TimeSpan.FromSeconds(1.5 * _random.NextDouble()))),
                _ => new FakeAnswer.Accept(),
            };
        }
    }

    private async Task ReportAsync(FakeSms sms, IReadOnlyList<Instance> instances, CancellationToken stop)
    {
        var (reports, pauses) = Plan();
        foreach (var (report, pause) in reports.Zip(pauses))
        {
            // Once the day is over what is left is told without delay.
            await Schedule.WaitAsync(pause, stop);
            for (var tries = 0; tries < 3; tries++)
            {
                if (!await TryAsync(via => _twilio.ReportAsync(sms, report, report == "undelivered" ? Blocked : null, via), instances))
                    continue;
                if (report is "delivered" or "undelivered" && MessageOf(sms) is { } message)
                    _ledger.AddReport(message, report);
                break;
            }
        }
    }

    /// <summary>The message that an SMS belongs to, as the address for its reports says; null: it does not.</summary>
    public static Guid? MessageOf(FakeSms sms) => sms.StatusCallback is { } address
        && Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(new Uri(address).Query).TryGetValue("message", out var id)
        && Guid.TryParse(id, out var message) ? message : null;

    private (string[] Reports, TimeSpan[] Pauses) Plan()
    {
        lock (_lock)
        {
            var end = _random.Next(20) == 0 ? "undelivered" : "delivered";
            string[] reports = _random.Next(10) switch
            {
                < 4 => ["sent", end],
                < 6 => [end, "sent"],
                < 7 => ["sent", "sent", end, end],
                < 8 => [end, "queued", "sent", end],
                < 9 => ["sent"],
                _ => [],
            };
            return (reports, [.. reports.Select(_ => TimeSpan.FromSeconds(_random.Next(4) == 0 ? 4 * _random.NextDouble() : 0))]);
        }
    }

    private async Task<bool> TryAsync(Func<Uri, Task<FakeReply>> call, IReadOnlyList<Instance> instances)
    {
        try
        {
            Uri via;
            lock (_lock)
                via = instances[_random.Next(instances.Count)].Url;
            // Twilio waits for fifteen seconds; that long an instance may be suspended here.
            var reply = await call(via).WaitAsync(TimeSpan.FromSeconds(5));
            if (reply.Status >= 400 && reply.Status != 503)
                _ledger.AddOddAnswer($"A call of Twilio's was answered {reply.Status} {reply.Body}");
            return reply.Status < 300;
        }
        catch (Exception e) when (LostAnswers.IsOne(e))
        {
            return false;
        }
    }
}
