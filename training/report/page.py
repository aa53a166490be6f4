"""The page: one HTML file that holds its pictures and asks nothing of any network."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from html import escape

MARK = b'<meta name="generator" content="cosmic-edge train --report">'

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1f24; background: #fff;
  max-width: 1000px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.7rem; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #d0d7de; }
img { max-width: 100%; height: auto; display: block; margin: 1rem 0; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #57606a; padding: 0.4rem 0; }
th, td { padding: 0.25rem 0.5rem; border-bottom: 1px solid #e4e8ec; text-align: right; }
th:first-child, td:first-child { text-align: left; }
th { border-bottom: 2px solid #8c959f; }
tr.best td { font-weight: 600; }
small { color: #57606a; font-weight: 400; display: block; white-space: nowrap; }
p.note { color: #57606a; font-size: 0.9rem; }
"""


class Cell(str):
    """HTML that is made already: everything else in a table is escaped."""

    __slots__ = ()


def page(title: str, parts: Iterable[str]) -> bytes:
    """Put parts of a page together."""
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f"{MARK.decode()}\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
    )
    body = "\n".join((f"<h1>{escape(title)}</h1>", *parts))
    return f"{head}{body}\n</body>\n</html>\n".encode("utf-8", "backslashreplace")


def heading(text: str) -> str:
    """Of a section."""
    return f"<h2>{escape(text)}</h2>"


def paragraph(text: str, *, note: bool = False) -> str:
    """Of plain text."""
    start = '<p class="note">' if note else "<p>"
    return f"{start}{escape(text)}</p>"


def picture(png: bytes, alt: str) -> str:
    """Embed a PNG; `alt` says what it shows."""
    data = base64.b64encode(png).decode()
    return f'<img alt="{escape(alt)}" src="data:image/png;base64,{data}">'


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    caption: str = "",
    best: str | None = None,
) -> str:
    """Lay out rows; the one whose first cell is `best` stands out."""
    top = "".join(f'<th scope="col">{escape(one)}</th>' for one in head)
    body = "\n".join(_row(row, stands_out=row[0] == best) for row in rows)
    said = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="scroll"><table>{said}<tr>{top}</tr>\n{body}</table></div>'


def _row(row: Sequence[str], *, stands_out: bool) -> str:
    start = '<tr class="best">' if stands_out else "<tr>"
    cells = (one if isinstance(one, Cell) else escape(one) for one in row)
    return start + "".join(f"<td>{one}</td>" for one in cells) + "</tr>"


def number(value: float, digits: int = 3) -> str:
    """Round a figure; a dash where nothing tells."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def percent(value: float) -> str:
    """Write a share in percent."""
    return f"{value:.1%}" if math.isfinite(value) else "–"


def with_interval(text: str, low: str, high: str) -> Cell:
    """Write an interval below a figure; none where there is none."""
    if "–" in (low, high):
        return Cell(escape(text))
    return Cell(f"{escape(text)}<small>{escape(low)} to {escape(high)}</small>")
