using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Orchestrator.Service.Http.Contract;

/// <summary>
/// Makes a page of <c>docs/errors.md</c>, each code an anchor. It knows what that file is made of and no more: one heading, paragraphs,
/// one table with the code in its second column, fenced examples.
/// </summary>
internal static partial class ErrorsPage
{
    public static string Render(string markdown)
    {
        var page = new StringBuilder(
            """
            <!doctype html>
            <html lang="en">
            <head>
              <meta charset="utf-8">
              <meta name="viewport" content="width=device-width, initial-scale=1">
              <title>Errors – Message Orchestrator</title>
              <style>
                body { font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
                table { border-collapse: collapse } td, th { text-align: left; vertical-align: top; padding: .4rem .8rem; border-bottom: 1px solid #ddd }
                code, pre { font-family: ui-monospace, monospace; font-size: .9em } pre { background: #f5f5f5; padding: .8rem; overflow: auto }
                tr:target { background: #fff3c4 }
              </style>
            </head>
            <body>

            """);
        foreach (var block in markdown.Split("\n\n", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            page.Append(RenderBlock(block)).Append('\n');
        return page.Append("</body>\n</html>\n").ToString();
    }

    private static string RenderBlock(string block) => block switch
    {
        ['#', ' ', .. var title] => $"<h1>{Inline(title)}</h1>",
        ['`', '`', '`', ..] => $"<pre>{WebUtility.HtmlEncode(string.Join('\n', block.Split('\n')[1..^1]))}</pre>",
        ['|', ..] => RenderTable(block.Split('\n')),
        _ => $"<p>{Inline(block)}</p>",
    };

    private static string RenderTable(string[] lines)
    {
        var table = new StringBuilder("<table>\n").Append("<tr>").AppendJoin("", Cells(lines[0]).Select(cell => $"<th>{Inline(cell)}</th>")).Append("</tr>\n");
        foreach (var cells in lines.Skip(2).Select(Cells))
            table.Append($"<tr id=\"{cells[1].Trim('`')}\">").AppendJoin("", cells.Select(cell => $"<td>{Inline(cell)}</td>")).Append("</tr>\n");
        return table.Append("</table>").ToString();
    }

    private static string[] Cells(string line) => line.Trim('|').Split('|', StringSplitOptions.TrimEntries);

    // The other documents are not served: of a link, the text remains.
    private static string Inline(string text) => Code().Replace(Link().Replace(WebUtility.HtmlEncode(text), "${text}"), "<code>${text}</code>");

    [GeneratedRegex("`(?<text>[^`]+)`", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Code();

    [GeneratedRegex(@"\[(?<text>[^\]]+)\]\([^)]+\)", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Link();
}
