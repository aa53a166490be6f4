"""A figure, and the place it goes to: what every plot of the product has in common."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import Any

from edge.errors import BadUse
from edge.outfile import FileKind, check_place, write_whole

_HEADER_BYTES = 33
"""Of a PNG: signature and IHDR."""


def check_picture(path: Path, kind: FileKind, what: str) -> None:
    """Refuse a place for a picture before any work is done for it.

    Parameters
    ----------
    path : Path
    kind : FileKind
        What will be drawn.
    what : str
        The same, as in "drawing a score".

    Raises
    ------
    BadUse
        It does not end in .png, or there is something else.
    ImportError
        matplotlib is missing; the message is one line for the user.
    """
    if path.suffix.lower() != ".png":
        raise BadUse(f"{path}: a plot is a PNG; name a file that ends in .png")
    check_place(path, kind)
    new_figure((1.0, 1.0), 72, what)


def new_figure(inches: tuple[float, float], dpi: int, what: str) -> Any:
    """Make an empty matplotlib figure; raises ImportError with a line for the user."""
    # Not pyplot: no window system, no state shared with anything else in the process.
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ModuleNotFoundError(
            f"drawing {what} needs matplotlib: pip install 'cosmic-edge[plot]'", name="matplotlib"
        ) from error
    figure = Figure(figsize=inches, dpi=dpi, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: Path, title: str) -> None:
    """Write a figure as PNG with a title in its head, by which its kind is told.

    Raises
    ------
    Failed
        It can't be written.
    """
    write_whole(path, figure_png(figure, title))


def figure_png(figure: Any, title: str) -> bytes:
    """Make a figure a PNG with a title in its head."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Title": title, "Software": None})
    return buffer.getvalue()


def titled(png: bytes, title: str) -> bytes:
    """Say in a PNG what it is (a tEXt chunk behind the header), as `save_figure` does."""
    chunk = b"tEXt" + b"Title\0" + title.encode("latin-1")
    length, check = struct.pack(">I", len(chunk) - 4), struct.pack(">I", zlib.crc32(chunk))
    return png[:_HEADER_BYTES] + length + chunk + check + png[_HEADER_BYTES:]
