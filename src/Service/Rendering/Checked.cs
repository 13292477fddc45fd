namespace Orchestrator.Service.Rendering;

/// <summary>Something the model gave, or what is wrong with it.</summary>
/// <param name="Value">The thing; null where there is a fault.</param>
/// <param name="Fault">What is wrong; null: nothing.</param>
internal readonly record struct Checked<T>(T? Value, ModelFault? Fault)
    where T : class
{
    public Checked(T value)
        : this(value, Fault: null)
    {
    }

    public static implicit operator Checked<T>(ModelFault fault) => new(Value: null, fault);
}
