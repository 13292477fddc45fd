using Orchestrator.Service.Http.Contract;

namespace Orchestrator.EndToEnd.Tests.Contract;

/// <summary>That answers are held against the contract would mean little if departures from it went unnoticed.</summary>
public sealed class ApiContractTests
{
    private static readonly ApiContract Contract = new(OpenApiDocument.Bytes);

    private const string Cancelled = """{"success": true, "messageId": "01a20a2d-d936-75f5-8799-15bcdc3c1cb1", "status": "cancelled", "cancelledAt": "2026-11-24T03:20:10.114Z"}""";

    private static string? WrongWith(int status, string type, string body, string? sent = null, string method = "DELETE", params string[] headers) =>
        Contract.WrongWith(method, "/messages/01a20a2d-d936-75f5-8799-15bcdc3c1cb1", sent, new ContractAnswer(status, type, headers, body));

    [Fact]
    public void An_answer_that_is_as_it_says_passes() => WrongWith(200, "application/json", Cancelled).ShouldBeNull();

    [Theory]
    [InlineData(202, "application/json", Cancelled)]
    [InlineData(200, "text/html", Cancelled)]
    [InlineData(200, "application/json", "{}")]
    [InlineData(200, "application/json", """{"success": true, "messageId": "not-an-id", "status": "cancelled"}""")]
    [InlineData(200, "application/json", """{"success": true, "messageId": "01a20a2d-d936-75f5-8799-15bcdc3c1cb1", "status": "queued"}""")]
    [InlineData(200, "application/json", """{"success": true, "messageId": "01a20a2d-d936-75f5-8799-15bcdc3c1cb1", "status": "cancelled", "colour": "red"}""")]
    [InlineData(200, "application/json", """{"success": true, "messageId": "01a20a2d-d936-75f5-8799-15bcdc3c1cb1", "status": "cancelled", "cancelledAt": "yesterday"}""")]
    [InlineData(404, "application/problem+json", """{"type": "/docs/errors#user_not_found", "title": "t", "status": 404, "code": "user_not_found"}""")]
    [InlineData(503, "application/problem+json", """{"type": "/docs/errors#database_unavailable", "title": "t", "status": 503, "code": "database_unavailable"}""")]
    public void A_status_a_type_a_field_a_code_or_a_missing_header_that_is_not_the_documents_is_noticed(int status, string type, string body) =>
        WrongWith(status, type, body).ShouldNotBeNull();

    [Fact]
    public void A_body_that_was_taken_and_that_the_document_forbids_is_noticed()
    {
        const string Changed = """{"success": true, "messageId": "01a20a2d-d936-75f5-8799-15bcdc3c1cb1", "status": "queued", "scheduledFor": "2026-11-24T03:20:10.114Z"}""";

        WrongWith(200, "application/json", Changed, """{"priority": "low", "scheduledFor": null}""", "PATCH").ShouldBeNull();
        WrongWith(200, "application/json", Changed, """{"priority": "best"}""", "PATCH").ShouldNotBeNull();
        WrongWith(200, "application/json", Changed, """{"colour": "red"}""", "PATCH").ShouldNotBeNull();
    }
}
