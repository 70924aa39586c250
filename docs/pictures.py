"""The pictures of docs/detection.md, cut from the pages that its commands write.

    python3 docs/pictures.py walk

`walk` is the folder in which the commands were typed. Writes docs/detection.svg (two rows of found.html) and
docs/calendar.svg (the hours of season.html). Needs nothing but Python 3.
"""

import html
import re
import sys
from pathlib import Path

WIDTH = 1000
LEFT, ROW_WIDTH, ROW_HEIGHT = 10, 980, 84

STYLE = """<style>
  svg { --paper: #fdfdfb; --ink: #1e2523; --soft: #5d6864; --line: #c3cac4; --event: #1f6f5c; --shot: #b4570a; --edge: #aab3ae;
    --l0: #e6eae4; --l1: #c3e0d5; --l2: #8fc7b3; --l3: #4fa38a; --l4: #1f6f5c; --l5: #0a3d31; }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #151918; --ink: #e3e8e4; --soft: #9aa6a1; --line: #46504c; --event: #6cc5ab; --shot: #f0a35e; --edge: #55605b;
      --l0: #272e2b; --l1: #1f4a3f; --l2: #2b6f5e; --l3: #449a83; --l4: #7fcdb5; --l5: #d3f5e9; }
    image { filter: invert(.92); }
  }
  text { font: 15px system-ui, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; fill: var(--ink); }
  .soft { font-size: 13px; fill: var(--soft); }
  .paper { fill: var(--paper); }
  .box { fill: none; stroke: var(--line); stroke-width: 1.5; }
  .event { fill: none; stroke: var(--event); stroke-width: 2; }
  .shot { fill: none; stroke: var(--shot); stroke-width: 2; stroke-dasharray: 5 3; }
  .mid { text-anchor: middle; }
  .last { text-anchor: end; }
  .curve { fill: none; stroke: var(--event); stroke-width: 1.3; }
  .n { fill: var(--paper); stroke: var(--edge); stroke-dasharray: 2 3; }
  .l0 { fill: var(--l0); stroke: var(--edge); }
  .l1 { fill: var(--l1); } .l2 { fill: var(--l2); } .l3 { fill: var(--l3); } .l4 { fill: var(--l4); } .l5 { fill: var(--l5); }
</style>"""


def svg(height, title, parts):
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title">',
            f'<title id="title">{html.escape(title)}</title>',
            STYLE,
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="6"/>',
            *parts,
            "</svg>\n",
        ]
    )


def text(x, y, content, kinds="soft"):
    return f'<text class="{kinds}" x="{x:.1f}" y="{y}">{html.escape(content)}</text>'


ROW = re.compile(
    r'<div class="image">\s*<img src="([^"]+)"[^>]*>(.*?)</div>\s*'
    r'<svg[^>]*>.*?<path d="([^"]*)"/></svg>\s*<div class="axis[^"]*">(.*?)</div>',
    re.DOTALL,
)
MARK = re.compile(r'<(i|button)[^>]* style="left:([\d.]+)%;width:([\d.]+)%" title="([^"]*)"')
TICK = re.compile(r'style="left:([\d.]+)%">([^<]*)')


def marks(row, top):
    """Dashed frames around shots, and frames with their scores around events."""
    for _, left, width, title in MARK.findall(row):
        title = html.unescape(title)
        kind = "shot" if title.startswith("shot") else "event"
        x, wide = LEFT + float(left) * ROW_WIDTH / 100, max(float(width) * ROW_WIDTH / 100, 5)
        frame = f'<rect class="{kind}" x="{x:.1f}" y="{top - 3}" width="{wide:.1f}" height="{ROW_HEIGHT + 6}" rx="2">'
        yield f"{frame}<title>{html.escape(title)}</title></rect>"
        if kind == "event":
            yield text(x + wide / 2, top - 8, title.split("score ")[1], "soft mid")


def spectrogram_row(row, top):
    image, marked, curve, axis = row
    image = html.unescape(image)
    box = f'x="{LEFT}" y="{top}" width="{ROW_WIDTH}" height="{ROW_HEIGHT}"'
    yield f'<image {box} preserveAspectRatio="none" href="{image}"/>'
    yield f'<rect class="box" {box}/>'
    yield from marks(marked, top)
    points = re.findall(r"([ML])([\d.]+) ([\d.]+)", curve)
    foot, tall = top + ROW_HEIGHT + 34, 26

    def point(x, y):
        return f"{LEFT + float(x) * ROW_WIDTH / 100:.1f} {foot - (100 - float(y)) * tall / 100:.1f}"

    yield f'<path class="curve" d="{"".join(kind + point(x, y) for kind, x, y in points)}"/>'
    for at, label in TICK.findall(axis):
        label = label.strip().removesuffix(" s") + " s"
        at = float(at)
        kinds = "soft" if at < 4 else "soft last" if at > 96 else "soft mid"
        yield text(LEFT + at * ROW_WIDTH / 100, foot + 18, label, kinds)


def spectrogram(page):
    """The second and third row: the last two shots, and the first events."""
    rows = ROW.findall(page)[1:3]
    parts = [
        '<rect class="shot" x="12" y="13" width="20" height="14"/>' + text(40, 25, "marked by you (a shot)"),
        '<rect class="event" x="212" y="13" width="20" height="14"/>' + text(240, 25, "found, with its score"),
        '<path class="curve" d="M392 25h8v-12h8v12h8"/>' + text(424, 25, "score of every moment, 0 to 1"),
    ]
    for number, row in enumerate(rows):
        parts += spectrogram_row(row, 60 + 170 * number)
    titles = [title for row in rows for *_, title in MARK.findall(row[1])]
    shots = sum(title.startswith("shot") for title in titles)
    title = f"Two rows of the spectrogram of a finch's song: {shots} marked calls, and {len(titles) - shots} that were found"
    return svg(380, title, parts)


DAY = re.compile(r'<tr><th scope="row">([^<]*)</th>(.*?)<td class="sum">(\d+)</td></tr>')
HOUR = re.compile(r'<td class="(\w+)"(?: title="([^"]*)")?>')
STEP = re.compile(r'<li><i class="(\w+)"></i>([^<]*)</li>')


def calendar(page):
    """A row for each day, a square for each hour."""
    page = page.split('<section class="calendar">')[1].split("</section>")[0]
    left, side, days = 110, 34, DAY.findall(page)
    parts = [text(left + side * (hour + 0.5), 28, f"{hour} h", "soft mid") for hour in range(0, 24, 3)]
    parts.append(text(WIDTH - 10, 28, "calls", "soft last"))
    for row, (day, hours, events) in enumerate(days):
        top = 40 + 32 * row
        parts.append(text(10, top + 20, day))
        for hour, (kind, title) in enumerate(HOUR.findall(hours)):
            square = f'<rect class="{kind}" x="{left + side * hour + 1.5}" y="{top + 1.5}" width="{side - 3}" height="27" rx="2"'
            parts.append(f"{square}><title>{title or 'not searched'}</title></rect>")
        parts.append(text(WIDTH - 10, top + 20, events, "soft last"))
    foot, x = 40 + 32 * len(days) + 18, left
    parts.append(text(10, foot + 12, "calls an hour"))
    for kind, label in STEP.findall(page):
        parts.append(f'<rect class="{kind}" x="{x + 0.5}" y="{foot}" width="20" height="14"/>' + text(x + 27, foot + 12, label))
        x += 50 + 7 * len(label)
    return svg(foot + 26, f"Calls in each hour of {len(days)} days", parts)


def main():
    walk, here = Path(sys.argv[1]), Path(__file__).parent
    for name, draw, page in [("detection", spectrogram, "found"), ("calendar", calendar, "season")]:
        picture = here / f"{name}.svg"
        picture.write_text(draw((walk / f"{page}.html").read_text()))
        print(picture)


main()
