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

    [Theory]
    [InlineData("", "It is empty.")]
    [InlineData("{\"a\": [1, 2", "It ends too early: a quote, a brace or a bracket is not closed.")]
    [InlineData("{\"a\": \"x", "It ends too early: a quote, a brace or a bracket is not closed.")]
    [InlineData("{\"a\": 1,}", "At line 1, byte 9, '}' cannot stand. No comma may stand before it.")]
    [InlineData("{\n  \"é\": 1,\n  'b': 2\n}", "At line 3, byte 3, ''' cannot stand. Texts and names stand in double quotes.")]
    [InlineData("{\"a\": /* one */ 1}", "At line 1, byte 7, '/' cannot stand. Comments are not taken.")]
    [InlineData("{\"a\": \"x\ny\"}", "At line 1, byte 9, the byte 0x0A cannot stand. In a text, it is written with a backslash.")]
    [InlineData("{\"a\": 1} x", "At line 1, byte 10, 'x' cannot stand.")]
    [InlineData("{\"a\": {\"b\": 1, \"b\": 2}}", "The field 'a.b' is there twice.")]
    [InlineData("[]", "It must be a JSON object.")]
    public async Task What_is_no_JSON_is_told_in_words_with_the_line_and_the_byte_and_what_to_do(string body, string detail) =>
        (await RefusalOfAsync(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(body)))).Detail.ShouldBe(detail);

    [Theory]
    [InlineData("application/json; charset=\"UTF-8\"", null, null)]
    [InlineData("application/json", "identity", null)]
    [InlineData("application/json; charset=utf-16", null, "Send the body as application/json.")]
    [InlineData("application/json", "gzip", "Send the body as it is, without Content-Encoding: gzip.")]
    public async Task The_body_is_plain_JSON_in_UTF_8_however_that_is_declared(string type, string? encoding, string? detail)
    {
        var request = new DefaultHttpContext().Request;
        request.ContentType = type;
        request.Headers.ContentEncoding = encoding;
        request.Body = new MemoryStream("{}"u8.ToArray());

        var (_, problem) = await JsonBody.ReadAsync(request, TestContext.Current.CancellationToken);

        (problem?.Status, problem?.Detail).ShouldBe((detail is null ? null : 415, detail));
    }

    private sealed class BrokenStream : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => throw new IOException("Connection reset by peer");
    }
}
