using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Core;
using Orchestrator.Fakes;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>What the sender relies on, whichever way Twilio is spoken to.</summary>
public abstract class TwilioContract : IAsyncLifetime
{
    private const string Ann = "+15005550009";
    private const string Bob = "+15005550010";
    private const string Us = "+15005550006";

    private static readonly Guid Message = Guid.Parse("01a20a2d-d88e-795b-8d94-42668c9d21fe");

    private readonly List<ServiceProvider> _services = [];

    private FakeTwilio _twilio = null!;

    public async ValueTask InitializeAsync() => _twilio = await FakeTwilio.StartAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var services in _services)
            await services.DisposeAsync();
        await _twilio.DisposeAsync();
    }

    /// <summary>The filling under test.</summary>
    protected abstract ISmsProvider Create(IServiceCollection services, TwilioOptions options, Func<ServiceProvider> build);

    [Fact]
    public async Task An_SMS_is_taken_as_it_was_given()
    {
        var reply = await SendAsync(Sms(validFor: Duration.FromMinutes(10)), o => o with { PublicBaseUrl = new("https://sms.example.com/") });

        var taken = _twilio.Accepted.ShouldHaveSingleItem();
        reply.ShouldBe(new SmsReply.Accepted(taken.Sid));
        taken.To.ShouldBe(Ann);
        taken.From.ShouldBe(Us);
        taken.Body.ShouldBe("Your intro – “matched”! 👍 a+b&c=d");
        taken.StatusCallback.ShouldBe($"https://sms.example.com/twilio/status?message={Message}&attempt=2");
        taken.ValidityPeriod.ShouldBe("600");
    }

    [Fact]
    public async Task Without_a_public_address_and_an_end_of_validity_Twilio_is_told_neither()
    {
        await SendAsync(Sms());

        _twilio.SendRequests.ShouldHaveSingleItem().Fields.Keys.ShouldBe(["To", "From", "Body"], ignoreOrder: true);
    }

    [Theory]
    [InlineData(0.4, "1")]
    [InlineData(59.9, "59")]
    [InlineData(86_400, "36000")]
    public async Task A_time_of_validity_is_brought_within_what_Twilio_takes(double seconds, string sent)
    {
        (await SendAsync(Sms(validFor: Duration.FromSeconds(seconds)))).ShouldBeOfType<SmsReply.Accepted>();

        _twilio.Accepted.ShouldHaveSingleItem().ValidityPeriod.ShouldBe(sent);
    }

    [Fact]
    public async Task The_last_look_is_asked_once_and_finds_nothing_sent()
    {
        var requestsSeen = new List<int>();
        var look = new LastLook(_ =>
        {
            requestsSeen.Add(_twilio.Requests.Count);
            return Task.FromResult(true);
        });

        await SendAsync(Sms(), look: look);

        requestsSeen.ShouldBe([0]);
        look.HasGoneOut.ShouldBeTrue();
    }

    [Fact]
    public async Task Where_the_last_look_says_no_Twilio_hears_nothing()
    {
        var look = new LastLook(_ => Task.FromResult(false));

        (await SendAsync(Sms(), look: look)).ShouldBeOfType<SmsReply.Withheld>();

        _twilio.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task Where_the_last_look_cannot_be_taken_nothing_is_sent()
    {
        var look = new LastLook(_ => throw new IOException("The database is away."));

        (await SendAsync(Sms(), look: look)).ShouldBeOfType<SmsReply.Unreached>();

        _twilio.Requests.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_refused_connection_is_known_not_to_have_sent_anything()
    {
        var look = Yes();

        var reply = await SendAsync(Sms(), o => o with { BaseUrl = ClosedPort() }, look);

        reply.ShouldBeOfType<SmsReply.Unreached>().Reason.ShouldBe("The connection to Twilio was refused or failed.");
        look.HasGoneOut.ShouldBeFalse();
    }

    public static TheoryData<FakeAnswer> Doubtful =>
    [
        new FakeAnswer.AcceptThenDrop(),
        new FakeAnswer.AcceptThenFail(500),
        new FakeAnswer.AcceptThenFail(503),
        new FakeAnswer.AcceptThenGarble(),
        new FakeAnswer.Drop(),
        new FakeAnswer.Fail(502),
        new FakeAnswer.Garble(),
        new FakeAnswer.Refuse(503, 20503),
        new FakeAnswer.Refuse(408, null),
        new FakeAnswer.Refuse(302, null),
    ];

    [Theory]
    [MemberData(nameof(Doubtful))]
    public async Task Where_no_answer_tells_the_outcome_is_unknown_and_nothing_is_tried_again(FakeAnswer answer)
    {
        _twilio.Next(answer);

        (await SendAsync(Sms())).ShouldBeOfType<SmsReply.Unknown>();

        _twilio.SendRequests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task An_answer_that_does_not_come_in_time_leaves_the_outcome_unknown()
    {
        _twilio.Next(new FakeAnswer.AcceptThenAnswerAfter(new TaskCompletionSource().Task));

        var reply = await SendAsync(Sms(), o => o with { RequestTimeout = Duration.FromMilliseconds(300) });

        reply.ShouldBeOfType<SmsReply.Unknown>().Reason.ShouldBe("Twilio did not answer in time.");
        _twilio.Accepted.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Nobody_waits_for_an_answer_once_told_to_stop()
    {
        _twilio.Next(new FakeAnswer.Hang());
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);

        var sending = SendAsync(Sms(), cancellationToken: stop.Token);
        await _twilio.WaitForAsync(twilio => twilio.SendRequests.Count == 1, stop.Token);
        await stop.CancelAsync();

        (await sending).ShouldBeOfType<SmsReply.Unknown>();
    }

    [Fact]
    public async Task Told_to_stop_during_the_last_look_nothing_is_sent()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var look = new LastLook(async token =>
        {
            await stop.CancelAsync();
            token.ThrowIfCancellationRequested();
            return true;
        });

        (await SendAsync(Sms(), look: look, cancellationToken: stop.Token)).ShouldBeOfType<SmsReply.Unreached>();

        _twilio.Requests.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(400, 21211, SmsFaultKind.Permanent, "21211")]
    [InlineData(400, 21408, SmsFaultKind.Permanent, "21408")]
    [InlineData(400, 21610, SmsFaultKind.OptedOut, "21610")]
    [InlineData(400, 21606, SmsFaultKind.Configuration, "21606")]
    [InlineData(400, 99999, SmsFaultKind.Permanent, "99999")]
    [InlineData(403, 99999, SmsFaultKind.Configuration, "99999")]
    [InlineData(429, 20429, SmsFaultKind.Later, "20429")]
    [InlineData(429, null, SmsFaultKind.Later, "http_429")]
    [InlineData(422, null, SmsFaultKind.Configuration, "http_422")]
    [InlineData(404, null, SmsFaultKind.Configuration, "http_404")]
    public async Task A_refusal_is_sorted_by_its_code(int status, int? code, SmsFaultKind kind, string stored)
    {
        _twilio.Next(new FakeAnswer.Refuse(status, code));

        var refused = (await SendAsync(Sms())).ShouldBeOfType<SmsReply.Refused>();

        refused.Fault.Kind.ShouldBe(kind);
        refused.Fault.Code.ShouldBe(stored);
        refused.Fault.Sentence.ShouldNotContain("+1");
        refused.RetryAfter.ShouldBeNull();
    }

    [Theory]
    [InlineData("7", 7)]
    [InlineData("Thu, 01 Jan 1970 00:00:00 GMT", 0)]
    public async Task Twilio_says_when_it_wants_to_be_asked_again(string header, int seconds)
    {
        _twilio.Next(new FakeAnswer.Refuse(429, 20429, header));

        (await SendAsync(Sms())).ShouldBeOfType<SmsReply.Refused>().RetryAfter.ShouldBe(Duration.FromSeconds(seconds));
    }

    [Fact]
    public async Task Wrong_credentials_are_a_matter_of_configuration()
    {
        var refused = (await SendAsync(Sms(), o => o with { AuthToken = "wrong" })).ShouldBeOfType<SmsReply.Refused>();

        refused.Fault.Kind.ShouldBe(SmsFaultKind.Configuration);
        refused.Fault.Code.ShouldBe("20003");
        _twilio.Accepted.ShouldBeEmpty();
    }

    [Fact]
    public async Task One_provider_sends_many_at_once_and_confuses_none()
    {
        var provider = New();
        var open = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _twilio.Script = request => request.Field("Body") switch
        {
            "drop" => new FakeAnswer.AcceptThenDrop(),
            "refuse" => new FakeAnswer.Refuse(429, 20429, "3"),
            _ => new FakeAnswer.AcceptThenAnswerAfter(open.Task),
        };

        var token = TestContext.Current.CancellationToken;
        string[] bodies = [.. Enumerable.Range(0, 8).Select(_ => "wait"), "drop", "refuse", "held"];
        var sending = bodies.Select(body => provider.SendAsync(
            Sms() with { Body = body }, new LastLook(_ => Task.FromResult(body != "held")), token)).ToList();
        await _twilio.WaitForAsync(twilio => twilio.MostAtOnce(Ann) >= 8 && twilio.SendRequests.Count == 10, token);
        open.SetResult();
        var replies = await Task.WhenAll(sending);

        replies[..8].ShouldAllBe(reply => reply is SmsReply.Accepted);
        replies[8].ShouldBeOfType<SmsReply.Unknown>();
        replies[9].ShouldBeOfType<SmsReply.Refused>().RetryAfter.ShouldBe(Duration.FromSeconds(3));
        replies[10].ShouldBeOfType<SmsReply.Withheld>();
    }

    [Fact]
    public async Task The_list_shows_what_was_taken_for_one_recipient_newest_first()
    {
        var provider = New();
        var start = Instant.FromUtc(2026, 3, 8, 12, 0, 0);
        await SendAtAsync(provider, start, Ann, "first");
        await SendAtAsync(provider, start + Duration.FromSeconds(1), Bob, "other");
        await SendAtAsync(provider, start + Duration.FromSeconds(2), Ann, "second");
        _twilio.Advance(_twilio.Accepted[0], "undelivered", 30003);

        var list = await provider.ListAsync(Us, Ann, start - Duration.FromDays(1), TestContext.Current.CancellationToken);

        list.ShouldBe([
            new ListedSms(_twilio.Accepted[2].Sid, "second", start + Duration.FromSeconds(2), "queued", null),
            new ListedSms(_twilio.Accepted[0].Sid, "first", start, "undelivered", 30003),
        ]);
    }

    [Fact]
    public async Task The_list_goes_back_to_the_given_time_and_the_second_it_falls_in()
    {
        var provider = New();
        var start = Instant.FromUtc(2026, 3, 8, 12, 0, 0);
        await SendAtAsync(provider, start - Duration.FromMilliseconds(1), Ann, "before");
        await SendAtAsync(provider, start + Duration.FromMilliseconds(900), Ann, "within");

        // Twilio shows 12:00:00 for what it took at 12:00:00.9.
        var list = await provider.ListAsync(Us, Ann, start + Duration.FromMilliseconds(800), TestContext.Current.CancellationToken);

        list.Select(sms => sms.Body).ShouldBe(["within"]);
    }

    [Fact]
    public async Task The_list_follows_the_pages_as_far_as_they_matter()
    {
        var provider = New();
        var start = Instant.FromUtc(2026, 3, 8, 12, 0, 0);
        for (var i = 0; i < 12; i++)
            _twilio.Hold(Us, Ann, $"text {i}", start + Duration.FromMinutes(i));
        _twilio.MostPerPage = 2;

        var list = await provider.ListAsync(Us, Ann, start + Duration.FromMinutes(7), TestContext.Current.CancellationToken);

        list.Select(sms => sms.Body).ShouldBe(["text 11", "text 10", "text 9", "text 8", "text 7"]);
        _twilio.Requests.Count(request => request.Method == "GET").ShouldBeInRange(3, 6);
    }

    [Fact]
    public async Task A_list_without_an_end_is_not_taken_for_whole()
    {
        var provider = New();
        for (var i = 0; i <= TwilioList.MostMessages; i++)
            _twilio.Hold(Us, Ann, "text", Instant.FromUnixTimeSeconds(i));

        await Should.ThrowAsync<SmsProviderException>(() => provider.ListAsync(Us, Ann, Instant.FromUnixTimeSeconds(0), TestContext.Current.CancellationToken));
    }

    public static TheoryData<FakeAnswer, SmsFaultKind, string> NoList => new()
    {
        { new FakeAnswer.Refuse(429, 20429), SmsFaultKind.Later, "20429" },
        { new FakeAnswer.Refuse(401, 20003), SmsFaultKind.Configuration, "20003" },
        { new FakeAnswer.Fail(503), SmsFaultKind.Later, "http_503" },
        { new FakeAnswer.Garble(), SmsFaultKind.Later, "unreadable" },
        { new FakeAnswer.Drop(), SmsFaultKind.Later, "unreachable" },
    };

    [Theory]
    [MemberData(nameof(NoList))]
    public async Task A_list_that_cannot_be_had_is_a_fault_and_not_an_empty_one(FakeAnswer answer, SmsFaultKind kind, string code)
    {
        var provider = New();
        _twilio.ListAnswer = answer;

        var fault = (await Should.ThrowAsync<SmsProviderException>(
            () => provider.ListAsync(Us, Ann, Instant.FromUnixTimeSeconds(0), TestContext.Current.CancellationToken))).Fault;

        fault.Kind.ShouldBe(kind);
        fault.Code.ShouldBe(code);
    }

    [Fact]
    public async Task A_list_that_does_not_come_in_time_is_a_fault()
    {
        var provider = New(o => o with { RequestTimeout = Duration.FromMilliseconds(300) });
        _twilio.ListAnswer = new FakeAnswer.Hang();

        (await Should.ThrowAsync<SmsProviderException>(
            () => provider.ListAsync(Us, Ann, Instant.FromUnixTimeSeconds(0), TestContext.Current.CancellationToken)))
            .Fault.ShouldBe(TwilioErrors.Unreachable);
    }

    [Fact]
    public async Task What_a_trial_account_sent_is_known_again_in_the_list()
    {
        var provider = New();
        _twilio.Shown = text => "Sent from your Twilio trial account - " + text.Replace('“', '"').Replace('”', '"').Replace('–', '-');
        _twilio.Next(new FakeAnswer.AcceptThenDrop());
        var since = SystemClock.Instance.GetCurrentInstant();
        await provider.SendAsync(Sms(), Yes(), TestContext.Current.CancellationToken);

        var list = await provider.ListAsync(Us, Ann, since, TestContext.Current.CancellationToken);

        SameText.Is(Sms().Body, list.ShouldHaveSingleItem().Body).ShouldBeTrue();
    }

    private async Task SendAtAsync(ISmsProvider provider, Instant at, string to, string body)
    {
        _twilio.Clock = new StoppedClock(at);
        (await provider.SendAsync(Sms() with { To = to, Body = body }, Yes(), TestContext.Current.CancellationToken))
            .ShouldBeOfType<SmsReply.Accepted>();
    }

    private Task<SmsReply> SendAsync(
        OutgoingSms sms, Func<TwilioOptions, TwilioOptions>? with = null, LastLook? look = null, CancellationToken? cancellationToken = null) =>
        New(with).SendAsync(sms, look ?? Yes(), cancellationToken ?? TestContext.Current.CancellationToken);

    private ISmsProvider New(Func<TwilioOptions, TwilioOptions>? with = null)
    {
        var options = new TwilioOptions(_twilio.AccountSid, _twilio.AuthToken, Us)
        {
            BaseUrl = _twilio.BaseUrl,
            RequestTimeout = Duration.FromSeconds(30),
        };
        var services = new ServiceCollection();
        return Create(services, with?.Invoke(options) ?? options, () =>
        {
            var provider = services.BuildServiceProvider();
            _services.Add(provider);
            return provider;
        });
    }

    private static LastLook Yes() => new(_ => Task.FromResult(true));

    private static OutgoingSms Sms(Duration? validFor = null) => new(Message, 2, Ann, "Your intro – “matched”! 👍 a+b&c=d", validFor);

    private static Uri ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return new Uri($"http://{listener.LocalEndpoint}");
    }

    private sealed class StoppedClock(Instant at) : IClock
    {
        public Instant GetCurrentInstant() => at;
    }
}
