using System.Globalization;
using System.Net;
using System.Text;

namespace Orchestrator.Bench.Report;

/// <summary>A plot as an SVG of its own ground and colours, which can be read on a light page and on a dark one.</summary>
/// <param name="FileName">Its file.</param>
/// <param name="Title">The line above it.</param>
/// <param name="X">The axis to the right.</param>
/// <param name="Y">The axis upwards.</param>
/// <param name="Series">What it shows.</param>
internal sealed record Plot(string FileName, string Title, Axis X, Axis Y, IReadOnlyList<Series> Series)
{
    private const double Width = 800, Height = 440, Left = 76, Right = 24, Top = 84, Bottom = 56;

    private const string Style =
        """
        <style>
          .ground { fill: #ffffff; } .text { fill: #1f2328; } .faint { fill: #59636e; } .grid { stroke: #d1d9e0; } .axis { stroke: #818b98; }
          .s0 { --c: #0969da; } .s1 { --c: #818b98; } .s2 { --c: #bc4c00; } .s3 { --c: #1a7f37; }
          @media (prefers-color-scheme: dark) {
            .ground { fill: #0d1117; } .text { fill: #f0f6fc; } .faint { fill: #9198a1; } .grid { stroke: #2f353d; } .axis { stroke: #656c76; }
            .s0 { --c: #4493f8; } .s1 { --c: #9198a1; } .s2 { --c: #f0883e; } .s3 { --c: #3fb950; }
          }
          .line { fill: none; stroke: var(--c); stroke-width: 2.5; stroke-linejoin: round; } .dot { fill: var(--c); }
          text { font: 13px -apple-system, "Segoe UI", "Noto Sans", Helvetica, Arial, sans-serif; } .title { font-size: 16px; font-weight: 600; }
        </style>
        """;

    public string ToSvg()
    {
        var xs = Series.SelectMany(series => series.Points.Select(point => point.X)).ToList();
        var x = X.Over(xs.Min(), xs.Max(), Left, Width - Right);
        var y = Y.Over(0, Series.Max(series => series.Points.Max(point => point.Y)), Height - Bottom, Top);

        var svg = new Svg();
        svg.Line($"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {Width} {Height}" width="{Width}" height="{Height}" role="img" aria-label="{Title}">""");
        svg.Line($"{Style}");
        svg.Line($"""<rect class="ground" width="{Width}" height="{Height}" rx="6"/>""");
        svg.Line($"""<text class="text title" x="{Left}" y="32">{Title}</text>""");
        DrawLegend(svg);
        foreach (var (value, at) in y.Ticks)
        {
            svg.Line($"""<line class="{(value == 0 ? "axis" : "grid")}" x1="{Left}" x2="{Width - Right}" y1="{at}" y2="{at}"/>""");
            svg.Line($"""<text class="faint" x="{Left - 8}" y="{at + 4}" text-anchor="end">{Axis.Format(value)}</text>""");
        }

        foreach (var (value, at) in x.Ticks)
        {
            svg.Line($"""<line class="axis" x1="{at}" x2="{at}" y1="{Height - Bottom}" y2="{Height - Bottom + 5}"/>""");
            svg.Line($"""<text class="faint" x="{at}" y="{Height - Bottom + 21}" text-anchor="middle">{Axis.Format(value)}</text>""");
        }

        svg.Line($"""<text class="faint" x="{(Left + Width - Right) / 2}" y="{Height - 12}" text-anchor="middle">{X.Label}</text>""");
        svg.Line($"""<text class="faint" transform="translate(18 {(Top + Height - Bottom) / 2}) rotate(-90)" text-anchor="middle">{Y.Label}</text>""");
        foreach (var (number, series) in Series.Index())
        {
            var points = series.Points.Select(point => (X: x.Place(point.X), Y: y.Place(point.Y))).ToList();
            if (!series.IsCloud)
                svg.Line($"""<polyline class="line s{number}" points="{string.Join(' ', points.Select(point => Invariant($"{point.X:0.#},{point.Y:0.#}")))}"/>""");
            foreach (var point in points)
                svg.Line($"""<circle class="dot s{number}" cx="{point.X}" cy="{point.Y}" r="{(series.IsCloud ? 2 : 4)}" opacity="{(series.IsCloud ? 0.7 : 1)}"/>""");
        }

        svg.Line($"</svg>");
        return svg.ToString();
    }

    private void DrawLegend(Svg svg)
    {
        double at = Left;
        foreach (var (number, series) in Series.Index())
        {
            svg.Line($"""<rect class="dot s{number}" x="{at}" y="50" width="14" height="4" rx="2"/>""");
            svg.Line($"""<text class="text" x="{at + 20}" y="56">{series.Name}</text>""");
            at += 44 + (series.Name.Length * 6.8);
        }
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    /// <summary>Lines of SVG: numbers with one decimal, texts escaped.</summary>
    private sealed class Svg
    {
        private readonly StringBuilder _text = new();

        public void Line(FormattableString line) => _text.Append(string.Format(
            CultureInfo.InvariantCulture, line.Format,
            [.. line.GetArguments().Select(argument => argument switch
            {
                double number => number.ToString("0.#", CultureInfo.InvariantCulture),
                string text when text != Style => WebUtility.HtmlEncode(text),
                _ => argument,
            })])).Append('\n');

        public override string ToString() => _text.ToString();
    }
}
