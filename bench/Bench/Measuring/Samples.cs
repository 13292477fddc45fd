namespace Orchestrator.Bench.Measuring;

/// <summary>Values as they are measured, gathered by name; figures come in the order in which their names came first.</summary>
internal sealed class Samples
{
    private readonly List<string> _names = [];
    private readonly Dictionary<string, (string Unit, List<double> Values)> _values = new(StringComparer.Ordinal);

    public IReadOnlyList<Figure> Figures => [.. _names.Select(name => this[name])];

    public Figure this[string name] => new(name, _values[name].Unit, _values[name].Values);

    public void Add(string name, string unit, double value)
    {
        if (!_values.TryGetValue(name, out var sample))
        {
            _names.Add(name);
            _values.Add(name, sample = (unit, []));
        }

        sample.Values.Add(value);
    }
}
