"""A page of headings, sentences, tables and one kind of picture, as Markdown and as HTML.

What stands in it may come out of files that strangers made: everything is escaped, the HTML holds
no script, and forbids a browser to run or fetch any.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chordmer.errors import printable

__all__ = ["Block", "Chart", "Heading", "Table", "Text", "to_html", "to_markdown"]


@dataclass(frozen=True)
class Heading:
    """A heading; the first one of a page is its title."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, eq=False)
class Table:
    """A table.

    Attributes
    ----------
    header : sequence of str
    rows : sequence of sequences of str
    caption : str
    shades : ndarray, shape (rows, columns - 1), optional
        From 0 to 1: how dark each cell but the first of its row is. In HTML only.
    folded : bool
        Whether a reader has to open it. In HTML only.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    shades: NDArray[np.float64] | None = None
    folded: bool = False


@dataclass(frozen=True)
class Chart:
    """Numbers from 0 to 1 with their intervals, a line each. In HTML only.

    Attributes
    ----------
    rows : sequence of (str, float, float, float)
        Name, value, and the ends of the interval, which may be NaN.
    mark : float
        What all are measured against, such as the share of the commonest class.
    caption : str
    """

    rows: Sequence[tuple[str, float, float, float]]
    mark: float
    caption: str


Block = Heading | Text | Table | Chart

#: What means something in Markdown, a bracket only where it ends the text of a link.
_SPECIAL = re.compile(r"([\\`*_<|~&$]|\](?=[(\[:]))")
#: What begins a heading, a quotation, a list or a rule where it begins a line.
_START = re.compile(r"^(\s*)(\d*)([-+=#>.)])")
_NUMBER = re.compile(r"[-+−<]?\d")
_LONGEST = 1000
#: Of the picture, in its own units.
_WIDTH, _ROW, _LETTER = 780, 26, 7
#: Letters of a name: what of it is longer is cut.
_LETTERS = 56

_STYLE = """\
:root { color-scheme: light dark; --ink: #1c1e21; --paper: #fdfdfb; --line: #c9ccd1;
  --soft: #5c636b; --mark: 38, 103, 178; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e6e9; --paper: #17191c; --line: #3e444b;
    --soft: #a0a7af; --mark: 110, 170, 240; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem; color: var(--ink);
  background: var(--paper); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.2rem; font-size: 1.25rem; }
p { max-width: 48rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
.side { display: inline-block; vertical-align: top; margin-right: 2rem; }
table { border-collapse: collapse; margin: .8rem 0; font-variant-numeric: tabular-nums;
  font-size: .92rem; }
caption { text-align: left; color: var(--soft); padding-bottom: .3rem; }
th, td { padding: .25rem .7rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
td { overflow-wrap: anywhere; }
thead th { border-bottom: 2px solid var(--soft); }
tbody th { font-weight: 500; }
td.n, thead th.n { text-align: right; white-space: nowrap; }
td.s { background: rgba(var(--mark), calc(var(--s) * .75)); }
figure { margin: 1rem 0; } figcaption { color: var(--soft); font-size: .92rem; }
svg { width: 100%; max-width: 48rem; height: auto; font-size: 13px; }
svg text { fill: var(--ink); } svg .g { stroke: var(--line); } svg .m { stroke: var(--soft);
  stroke-dasharray: 4 3; } svg .i { stroke: rgb(var(--mark)); stroke-width: 2; }
svg circle { fill: rgb(var(--mark)); } svg .t { fill: var(--soft); }
summary { cursor: pointer; color: var(--soft); }
@media print { details > :not(summary) { display: block; } }
"""


def to_markdown(blocks: Sequence[Block]) -> str:
    """Return the page as Markdown."""
    parts = []
    for block in blocks:
        match block:
            case Heading(text, level):
                parts.append(f"{'#' * level} {_md(text)}")
            case Text(text):
                parts.append(_START.sub(r"\1\2\\\3", _md(text)))
            case Table():
                lines = [f"| {' | '.join(map(_md, row))} |" for row in (block.header, *block.rows)]
                # Numbers stand under each other.
                marks = ["---:" if number else "---" for number in _columns(block)]
                lines.insert(1, f"|{'|'.join(marks)}|")
                parts.append(
                    "\n".join(([f"{_md(block.caption)}\n"] if block.caption else []) + lines)
                )
    return "\n\n".join(parts) + "\n"


def to_html(blocks: Sequence[Block]) -> str:
    """Return the page as one HTML file that needs no other."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "")
    body = "\n".join(_html_of(block) for block in blocks)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{_esc(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )


def _md(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", printable(text, _LONGEST))


def _esc(text: str) -> str:
    return html.escape(printable(text, _LONGEST), quote=True)


def _html_of(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{_esc(text)}</h{level}>"
        case Text(text):
            return f"<p>{_esc(text)}</p>"
        case Table():
            return _html_table(block)
        case Chart():
            return _svg(block)


def _columns(table: Table) -> list[bool]:
    """Return which columns hold numbers."""
    columns = zip(*table.rows) if table.rows else [()] * len(table.header)
    return [
        at > 0 and all(_NUMBER.match(cell) or cell in ("", "–") for cell in column)
        for at, column in enumerate(columns)
    ]


def _html_table(table: Table) -> str:
    numbers = _columns(table)
    lines = (
        [] if table.folded or not table.caption else [f"<caption>{_esc(table.caption)}</caption>"]
    )
    heads = "".join(
        f'<th scope="col"{" class=n" if number else ""}>{_esc(name)}</th>'
        for name, number in zip(table.header, numbers)
    )
    lines += [f"<thead><tr>{heads}</tr></thead>", "<tbody>"]
    for at, row in enumerate(table.rows):
        cells = [f'<th scope="row">{_esc(row[0])}</th>']
        for column, cell in enumerate(row[1:]):
            names = ["n"] if numbers[column + 1] else []
            style = ""
            if table.shades is not None:
                names.append("s")
                style = f' style="--s:{table.shades[at, column]:.2f}"'
            kind = f' class="{" ".join(names)}"' if names else ""
            cells.append(f"<td{kind}{style}>{_esc(cell)}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    # Small ones, such as confusion matrices, stand side by side as far as the page goes.
    place = "wide" if table.shades is None else "wide side"
    text = "\n".join([f'<div class="{place}"><table>', *lines, "</tbody>", "</table></div>"])
    if table.folded:
        return f"<details><summary>{_esc(table.caption)}</summary>\n{text}\n</details>"
    return text


def _svg(chart: Chart) -> str:
    height = _ROW * len(chart.rows) + 34
    names = [printable(row[0], _LETTERS) for row in chart.rows]
    left = _LETTER * max(map(len, names), default=0) + 24
    known = [v for row in chart.rows for v in row[1:] if np.isfinite(v)] + [chart.mark]
    first = max(0.0, np.floor(10 * min(known) - 0.2) / 10)
    last = min(1.0, np.ceil(10 * max(known) + 0.2) / 10)

    def x(value: float) -> str:
        return f"{left + (value - first) / (last - first) * (_WIDTH - left - 60):.1f}"

    parts = []
    for tick in np.arange(round(10 * first), round(10 * last) + 1) / 10:
        parts.append(f'<line class="g" x1="{x(tick)}" x2="{x(tick)}" y1="4" y2="{height - 24}"/>')
        parts.append(
            f'<text class="t" x="{x(tick)}" y="{height - 8}" text-anchor="middle">{tick:.1f}</text>'
        )
    at = x(chart.mark)
    parts.append(f'<line class="m" x1="{at}" x2="{at}" y1="4" y2="{height - 24}"/>')
    for number, (name, (_, value, low, high)) in enumerate(zip(names, chart.rows)):
        y = _ROW * number + 18
        parts.append(f'<text x="{left - 12}" y="{y + 4}" text-anchor="end">{_esc(name)}</text>')
        if np.isfinite(low) and np.isfinite(high):
            parts.append(f'<line class="i" x1="{x(low)}" x2="{x(high)}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle cx="{x(value)}" cy="{y}" r="4.5"/>')
        right = x(high) if np.isfinite(high) else x(value)
        parts.append(f'<text x="{float(right) + 10:.1f}" y="{y + 4}">{value:.3f}</text>')
    return (
        f'<figure>\n<svg viewBox="0 0 {_WIDTH} {height}" role="img" '
        f'aria-label="{_esc(chart.caption)}">\n'
        + "\n".join(parts)
        + f"\n</svg>\n<figcaption>{_esc(chart.caption)}</figcaption>\n</figure>"
    )
