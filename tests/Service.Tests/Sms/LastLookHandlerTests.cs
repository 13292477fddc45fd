using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Orchestrator.Service.Sms;
using Orchestrator.Service.Sms.Twilio;

namespace Orchestrator.Service.Tests.Sms;

/// <summary>Seen from the other end of the wire, where nothing is between the test and the bytes.</summary>
public sealed class LastLookHandlerTests : IDisposable
{
    private const string Taken = "{\"sid\":\"SM1\"}";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);

    public LastLookHandlerTests() => _listener.Start();

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    public void Dispose() => _listener.Dispose();

    [Fact]
    public async Task Where_the_look_says_no_the_connection_stands_and_not_a_byte_arrives()
    {
        await using var services = Services();
        var looking = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var answer = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        var sending = SendAsync(services, new LastLook(_ =>
        {
            looking.SetResult();
            return answer.Task;
        }));

        using var connection = await _listener.AcceptSocketAsync(Token);
        await looking.Task.WaitAsync(Token);
        connection.Available.ShouldBe(0);
        answer.SetResult(false);

        (await sending).ShouldBeOfType<SmsReply.Withheld>();
        // The end of the stream, and nothing before it.
        (await connection.ReceiveAsync(new byte[1], Token)).ShouldBe(0);
    }

    [Fact]
    public async Task Where_the_look_says_yes_the_whole_request_arrives_after_it()
    {
        await using var services = Services();
        var sending = SendAsync(services, Yes());

        using var connection = await _listener.AcceptSocketAsync(Token);
        var request = await ReadRequestAsync(connection);
        await AnswerAsync(connection);

        request.ShouldStartWith("POST /2010-04-01/Accounts/AC1/Messages.json HTTP/1.1\r\n");
        request.ShouldEndWith("To=%2B15005550009&From=%2B15005550006&Body=Hello");
        (await sending).ShouldBe(new SmsReply.Accepted("SM1"));
    }

    [Fact]
    public async Task A_request_on_a_used_connection_that_breaks_is_not_sent_again()
    {
        await using var services = Services();
        var first = SendAsync(services, Yes());
        using var connection = await _listener.AcceptSocketAsync(Token);
        await ReadRequestAsync(connection);
        await AnswerAsync(connection);
        (await first).ShouldBeOfType<SmsReply.Accepted>();

        var second = SendAsync(services, Yes());
        await ReadRequestAsync(connection);
        connection.Close();

        (await second).ShouldBeOfType<SmsReply.Unknown>();
        _listener.Pending().ShouldBeFalse();
    }

    [Fact]
    public async Task A_request_that_meets_a_connection_closed_in_the_meantime_goes_out_once_or_not_at_all()
    {
        await using var services = Services();
        var first = SendAsync(services, Yes());
        using (var connection = await _listener.AcceptSocketAsync(Token))
        {
            await ReadRequestAsync(connection);
            await AnswerAsync(connection);
            (await first).ShouldBeOfType<SmsReply.Accepted>();
        }

        var looks = 0;
        var second = SendAsync(services, new LastLook(_ =>
        {
            looks++;
            return Task.FromResult(true);
        }));
        using var accepting = CancellationTokenSource.CreateLinkedTokenSource(Token);
        var accepted = _listener.AcceptSocketAsync(accepting.Token).AsTask();
        if (await Task.WhenAny(accepted, second) == accepted)
        {
            using var connection = await accepted;
            // A new connection may carry the request, where the old one was known to be closed; a repetition of it may not.
            if (await ReadRequestAsync(connection) is { Length: > 0 })
                await AnswerAsync(connection);
        }

        await accepting.CancelAsync();
        (await second).ShouldNotBeOfType<SmsReply.Refused>();
        looks.ShouldBe(1);
    }

    [Fact]
    public async Task A_second_question_is_answered_with_no_and_changes_nothing()
    {
        var look = Yes();

        (await look.AllowsAsync(Token)).ShouldBeTrue();
        (await look.AllowsAsync(Token)).ShouldBeFalse();

        look.HasGoneOut.ShouldBeTrue();
        look.WasWithheld.ShouldBeFalse();
    }

    [Fact]
    public async Task Nothing_is_sent_without_a_look()
    {
        await using var services = Services();
        using var exchange = TwilioExchange.Begin(Duration.FromSeconds(30), look: null, Token);
        using var client = services.GetRequiredService<IHttpClientFactory>().CreateClient(TwilioHttpClient.Name);
        using var content = new StringContent("Hello");

        await Should.ThrowAsync<InvalidOperationException>(() => client.PostAsync(new Uri($"http://{_listener.LocalEndpoint}"), content, Token));

        _listener.Pending().ShouldBeFalse();
    }

    private ServiceProvider Services()
    {
        var services = new ServiceCollection();
        services.AddTwilioHttpClient(new TwilioOptions("AC1", "secret", "+15005550006")
        {
            BaseUrl = new Uri($"http://{_listener.LocalEndpoint}"),
            RequestTimeout = Duration.FromSeconds(30),
        });
        return services.BuildServiceProvider();
    }

    private static Task<SmsReply> SendAsync(ServiceProvider services, LastLook look) => ActivatorUtilities.CreateInstance<TwilioSms>(services)
        .SendAsync(new OutgoingSms(Guid.NewGuid(), 1, "+15005550009", "Hello", ValidFor: null), look, Token);

    private static LastLook Yes() => new(_ => Task.FromResult(true));

    /// <summary>The whole request; empty where the connection ends before it begins.</summary>
    private static async Task<string> ReadRequestAsync(Socket connection)
    {
        var text = new StringBuilder();
        var buffer = new byte[4096];
        while (!text.ToString().EndsWith("Hello", StringComparison.Ordinal))
        {
            if (await connection.ReceiveAsync(buffer, Token) is not (> 0 and var read))
                break;
            text.Append(Encoding.ASCII.GetString(buffer, 0, read));
        }

        return text.ToString();
    }

    private static async Task AnswerAsync(Socket connection) => await connection.SendAsync(Encoding.ASCII.GetBytes(
        $"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: {Taken.Length}\r\n\r\n{Taken}"), Token);
}
