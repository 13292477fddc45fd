using System.Globalization;
using System.Reflection;
using System.Text;
using NodaTime.Text;

namespace Orchestrator.Service.Rendering;

/// <summary>
/// What the model is given. The instructions are the same in every call and marked to be cached, which happens from a size on that depends on
/// the model; everything that differs is data.
/// </summary>
/// <param name="Instructions">What to do and how, from the files in <c>Prompts/</c>.</param>
/// <param name="Data">The person, the conversation and the message, fenced, and which of the tasks it is.</param>
internal sealed record Prompt(string Instructions, string Data)
{
    /// <summary>
    /// The most characters of content and data together. At two tokens a character, more than common scripts take, a prompt with all
    /// its parts stays below the 100,000 tokens beyond which some models cost more.
    /// </summary>
    public const int LongestMessage = 20_000;

    private const int MostTurns = 30;
    private const int LongestTurn = 1_600;
    private const int LongestConversation = 12_000;
    private const int LongestSummary = 4_000;
    private const int LongestName = 60;

    private static readonly LocalDateTimePattern WallClock =
        LocalDateTimePattern.CreateWithInvariantCulture("dddd d MMMM uuuu, HH:mm");

    private static readonly string Judging = $"{Read("judge")}\n\n{Read("sms")}";

    private static readonly string Writing = $"{Read("write")}\n\n{Read("sms")}";

    /// <summary>Asks for a verdict.</summary>
    /// <param name="occasion">The message and the moment.</param>
    /// <param name="smsLimit">The most characters of a text.</param>
    public static Prompt ToJudge(Occasion occasion, int smsLimit) =>
        new(WithLimit(Judging, smsLimit), $"{Describe(occasion)}\n\nJudge the message above.");

    /// <summary>Asks for a text.</summary>
    /// <param name="occasion">The message and the moment.</param>
    /// <param name="smsLimit">The most characters of it.</param>
    public static Prompt ToWrite(Occasion occasion, int smsLimit) =>
        new(WithLimit(Writing, smsLimit), $"{Describe(occasion)}\n\nWrite the SMS for the message above.");

    private static string Describe(Occasion occasion)
    {
        var text = new StringBuilder();
        if (!string.IsNullOrWhiteSpace(occasion.FirstName))
            text.Append(Fence.Around("first_name", Fence.Cut(occasion.FirstName, LongestName))).Append('\n');
        text.Append("<local_time>").Append(WallClock.Format(occasion.Now)).Append("</local_time>\n");
        if (!string.IsNullOrWhiteSpace(occasion.Summary))
            text.Append(Fence.Around("summary", Fence.Cut(occasion.Summary, LongestSummary))).Append('\n');

        AppendConversation(text, occasion.Turns);

        text.Append("<message queued_at=\"").Append(WallClock.Format(occasion.QueuedAt)).Append("\">\n");
        if (occasion.Content is not null)
            text.Append(Fence.Around("content", occasion.Content)).Append('\n');
        if (occasion.Data is not null)
            text.Append(Fence.Around("data", occasion.Data)).Append('\n');
        return text.Append("</message>").ToString();
    }

    private static void AppendConversation(StringBuilder text, IReadOnlyList<Turn> turns)
    {
        var kept = NewestThatFit(turns);
        if (kept.Count == 0)
            return;

        var attributes = kept.Count == turns.Count ? ""
            : string.Create(CultureInfo.InvariantCulture, $" earlier_turns_left_out=\"{turns.Count - kept.Count}\"");
        text.Append("<conversation").Append(attributes).Append(">\n");
        foreach (var turn in kept)
            text.Append(Describe(turn)).Append('\n');
        text.Append("</conversation>\n");
    }

    private static string Describe(Turn turn)
    {
        var by = turn.By == Speaker.Person ? "person" : "agent";
        var since = turn.SinceQueued ? " since_queued=\"yes\"" : "";
        return Fence.Around("turn", turn.Text, $" by=\"{by}\" at=\"{WallClock.Format(turn.At)}\"{since}");
    }

    private static List<Turn> NewestThatFit(IReadOnlyList<Turn> turns)
    {
        var kept = new List<Turn>();
        var room = LongestConversation;
        foreach (var turn in turns.Reverse().Take(MostTurns))
        {
            var text = Fence.Cut(turn.Text, LongestTurn);
            room -= text.Length;
            if (room < 0)
                break;
            kept.Add(turn with { Text = text });
        }

        kept.Reverse();
        return kept;
    }

    private static string WithLimit(string instructions, int smsLimit) =>
        instructions.Replace("{{sms_limit}}", smsLimit.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private static string Read(string name)
    {
        using var reader = new StreamReader(Assembly.GetExecutingAssembly().GetManifestResourceStream($"prompts/{name}.md")!);
        return reader.ReadToEnd().ReplaceLineEndings("\n").TrimEnd();
    }
}
