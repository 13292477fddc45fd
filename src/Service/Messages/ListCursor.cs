using System.Buffers.Binary;
using System.Buffers.Text;
using NodaTime;

namespace Orchestrator.Service.Messages;

/// <summary>Where a page of a list ends: the time and the id of its last message. Callers pass it on and need not know what is in it.</summary>
/// <param name="At">The message's <c>queued_at</c>.</param>
/// <param name="Id">The message; it need not exist any more.</param>
public readonly record struct ListCursor(Instant At, Guid Id)
{
    private const int Size = 24;

    // The bounds of plain_time.
    private static readonly Instant Earliest = Instant.FromUtc(1900, 1, 1, 0, 0);

    private static readonly Instant Latest = Instant.FromUtc(9000, 1, 1, 0, 0);

    /// <summary>Before everything.</summary>
    public static ListCursor Start { get; } = new(Latest, Guid.AllBitsSet);

    /// <summary>The cursor as callers see it.</summary>
    public override string ToString()
    {
        Span<byte> bytes = stackalloc byte[Size];
        BinaryPrimitives.WriteInt64BigEndian(bytes, At.ToUnixTimeTicks());
        Id.TryWriteBytes(bytes[8..], bigEndian: true, out _);
        return Base64Url.EncodeToString(bytes);
    }

    /// <summary>The cursor of a text; null where no cursor reads so.</summary>
    public static ListCursor? Parse(string text)
    {
        Span<byte> bytes = stackalloc byte[Size];
        if (text.Length != Size * 4 / 3 || !Base64Url.IsValid(text) || Base64Url.DecodeFromChars(text, bytes) != Size)
            return null;

        var ticks = BinaryPrimitives.ReadInt64BigEndian(bytes);
        if (ticks < Earliest.ToUnixTimeTicks() || ticks > Latest.ToUnixTimeTicks())
            return null;
        return new ListCursor(Instant.FromUnixTimeTicks(ticks), new Guid(bytes[8..], bigEndian: true));
    }
}
