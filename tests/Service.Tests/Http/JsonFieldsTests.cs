using System.Text.Json;
using Orchestrator.Service.Http;

namespace Orchestrator.Service.Tests.Http;

public sealed class JsonFieldsTests
{
    [Theory]
    [InlineData("2026-12-04T09:00:00Z")]
    [InlineData("2026-12-04t09:00:00z")]
    [InlineData("2026-12-04t04:00:00.000-05:00")]
    public void A_time_of_RFC_3339_is_one_whether_its_letters_are_small_or_large(string written)
    {
        var fields = new JsonFields(JsonSerializer.SerializeToElement(new { at = written }));

        fields.Time("at").ShouldBe(Instant.FromUtc(2026, 12, 4, 9, 0));
        fields.Faults().ShouldBeEmpty();
    }
}
