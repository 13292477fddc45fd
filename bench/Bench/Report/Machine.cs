using System.Globalization;
using System.Runtime.InteropServices;
using Npgsql;
using Orchestrator.Embedded;

namespace Orchestrator.Bench.Report;

/// <summary>On what is measured.</summary>
internal static class Machine
{
    /// <summary>The checkout's folder.</summary>
    public static string Root { get; } = Path.GetDirectoryName(Checkout.DataFolder)
        ?? throw new InvalidOperationException("The benchmarks run from a checkout.");

    /// <summary>Where the page on benchmarks is.</summary>
    public static string DocsFolder => Path.Combine(Root, "docs");

    /// <summary>Processor, versions and settings, as a list in Markdown.</summary>
    public static async Task<string> DescribeAsync(Stage stage) =>
        $"""
        - {ReadProcessor() ?? RuntimeInformation.ProcessArchitecture.ToString()}, {Environment.ProcessorCount} cores, {Gigabytes()} GB of memory, {RuntimeInformation.OSDescription}
        - {RuntimeInformation.FrameworkDescription}, Npgsql {typeof(NpgsqlConnection).Assembly.GetName().Version!.ToString(3)}
        - {await stage.Server.DescribeAsync()}{(stage.Options.Database is null ? $"; its data on {FileSystem()}" : "")}
        - {stage.Peers.Description}
        - {stage.Options.Runs} runs of each, {stage.Options.Due:#,0} messages due in a drain

        """;

    private static string? ReadProcessor() => !File.Exists("/proc/cpuinfo") ? null
        : File.ReadLines("/proc/cpuinfo").FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))?.Split(':')[1].Trim();

    private static string Gigabytes() =>
        (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30)).ToString("0", CultureInfo.InvariantCulture);

    /// <summary>A memory disk makes every commit cheap.</summary>
    private static string FileSystem()
    {
        var temporary = Path.GetTempPath();
        return DriveInfo.GetDrives()
            .Where(drive => temporary.StartsWith(drive.Name, StringComparison.Ordinal))
            .MaxBy(drive => drive.Name.Length) is { } drive ? drive.DriveFormat : "an unknown file system";
    }
}
