// The long one does not wait for the others to be done.
[assembly: Xunit.v3.Parallelization(MaxThreads = 4)]

namespace Orchestrator.Chaos.Tests;

/// <summary>The promises of the service, under everything at once that has ever broken one.</summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Every_promise_is_kept_though_processes_die_connections_break_clocks_differ_and_providers_fail()
    {
        var options = ChaosOptions.Read();
        var lines = new List<string>();

        var breaches = await ChaosRun.RunAsync(options, line =>
        {
            lines.Add(line);
            output.WriteLine(line);
            TestContext.Current.SendDiagnosticMessage(line);
        });

        breaches.ShouldBeEmpty($"the run with CHAOS_SEED={options.Seed}\n{string.Join('\n', lines)}\n{string.Join('\n', breaches)}\n");
    }
}
