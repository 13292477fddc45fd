using System.Reflection;

namespace Orchestrator.Bench.Workload;

/// <summary>The statements of <c>Sql/</c>.</summary>
internal static class Script
{
    /// <summary>The statement of <c>Sql/&lt;name&gt;.sql</c>.</summary>
    public static string Read(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!);
        return reader.ReadToEnd();
    }
}
