using Microsoft.AspNetCore.Http;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.Tests.Http;

public sealed class JsonBodyTests
{
    private static async Task<Problem> RefusalOfAsync(Stream body)
    {
        var request = new DefaultHttpContext().Request;
        request.ContentType = "application/json";
        request.Body = body;
        return (await JsonBody.ReadAsync(request, TestContext.Current.CancellationToken)).Problem.ShouldNotBeNull();
    }

    [Fact]
    public async Task A_connection_that_breaks_under_a_body_is_the_callers_and_not_the_databases()
    {
        var problem = await RefusalOfAsync(new BrokenStream());

        (problem.Status, problem.Code).ShouldBe((400, "bad_request"));
    }

    [Fact]
    public async Task Bytes_that_are_no_text_are_no_JSON()
    {
        var problem = await RefusalOfAsync(new MemoryStream([.. "{\""u8, 0xC0, 0x80, .. "\": 1}"u8]));

        (problem.Status, problem.Code).ShouldBe((400, "malformed_json"));
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("Connection reset by peer");
    }
}
