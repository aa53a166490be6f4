"""Write the tables of docs/performance.md anew from a run's JSON: no figure is typed by hand.

``cosmic-edge bench --json --plot docs/performance.png > bench.json``, then ``python -m
benchmarks.document bench.json``. Between ``<!-- NAME -->`` and ``<!-- end -->`` stands the table of
that name.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge.bench.machine import machine_line
from edge.bench.pixel_pass import CASES, MEMORY, sensor_name

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
_BLOCK = re.compile(r"<!-- (\w+) -->\n.*?<!-- end -->", re.DOTALL)

Found = Mapping[str, Any]


def main(arguments: Sequence[str]) -> int:
    """Fill the document's tables from the file that is named."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m benchmarks.document BENCH.json\n")
        return 2
    found = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), found), encoding="utf-8")
    return 0


def filled(text: str, found: Found) -> str:
    """The document with its tables made from a run; one that was not measured stays."""

    def table(match: re.Match[str]) -> str:
        try:
            lines = list(TABLES[match[1]](found))
        except KeyError as error:
            if match[1] not in TABLES:
                raise ValueError(f"there is no table {match[1]}") from None
            sys.stderr.write(f"{match[1]}: not measured ({error}), left as it is\n")
            return match[0]
        return "\n".join([f"<!-- {match[1]} -->", *lines, "<!-- end -->"])

    return _BLOCK.sub(table, text)


def _machine(found: Found) -> Iterable[str]:
    return [machine_line(found["machine"]) + "."]


def _passes(found: Found) -> Iterable[str]:
    yield from _head(
        "frame",
        "ours ms",
        "/ `np.max`",
        "OpenCV / ours",
        "from memory ms",
        "/ `np.max`",
        "OpenCV / ours",
        "without numba / OpenCV",
    )
    for case in CASES:
        cached, memory = found[case.name], found[case.name + MEMORY]
        size = "12 MP" if case.large else "1080p"
        cells = [f"{size} {sensor_name(case.sensor)}"]
        for one in (cached, memory):
            cells += [_ms(one["ms"]), f"{one['ratio_np_max']:.2f}", f"{one['speedup_opencv']:.1f}"]
        yield _row([*cells, f"{cached['fallback_over_opencv']:.2f}"])


def _loop(found: Found) -> Iterable[str]:
    yield from _head(
        "recording",
        "loop ms",
        "mean, p90, p99",
        "a block turns",
        "pass alone",
        "limit",
        "`np.max`",
        "OpenCV's pass",
    )
    for name in ("loop_1080p_u8", "loop_1080p_u8_memory"):
        one = found[name]
        spread = ", ".join(_ms(one[key]) for key in ("mean_ms", "p90_ms", "p99_ms"))
        keys = ("turn_ms", "pass_ms", "limit_ms", "np_max_ms", "opencv_ms")
        yield _row(
            [f"{one['frames']} frames", _ms(one["ms"]), spread, *(_ms(one[k]) for k in keys)]
        )


def _live(found: Found) -> Iterable[str]:
    one = found["live_1080p_u8"]
    yield from _head(
        "watched",
        "share of one core",
        "the source alone",
        "RssAnon, most",
        "first, last quarter",
        "dropped",
    )
    quarters = f"{one['rss_anon_first_quarter_mb']:.1f}, {one['rss_anon_last_quarter_mb']:.1f} MB"
    yield _row([
        f"{one['seconds']:.0f} s", f"{one['cpu_share']:.1%}", f"{one['source_cpu_share']:.1%}",
        f"{one['rss_anon_mb']:.0f} MB", quarters, str(one["dropped"]),
    ])  # fmt: skip


def _hot(found: Found) -> Iterable[str]:
    names = [f"cost_against_hot_pixels_{one}" for one in ("12mp_u16", "12mp_raw10", "1080p_u8")]
    columns = [found[name] for name in names]
    yield from _head(
        "hot pixels",
        "12 MP uint16 ms",
        "/ none",
        "12 MP RAW10 ms",
        "/ none",
        "1080p uint8 ms",
        "/ none",
    )
    for count in columns[0]["ms_by_hot_pixels"]:
        cells = [f"{int(count):,}"]
        for one in columns:
            ratio = one["ratio_to_none_by_hot_pixels"][count]
            cells += [_ms(one["ms_by_hot_pixels"][count]), f"{ratio:.2f}"]
        yield _row(cells)


def _pixels(found: Found) -> Iterable[str]:
    names = ("cost_against_pixels", "cost_against_pixels_raw10", "cost_against_pixels_raw12",
             "cost_against_pixels_u8")  # fmt: skip
    columns = [found[name] for name in names]
    yield from _head(
        "megapixels",
        "uint16 ms",
        "RAW10 ms",
        "RAW12 ms",
        "uint8 ms",
        "`np.max` uint16",
        "`np.max` uint8",
    )
    for pixels in columns[0]["ms_by_pixels"]:
        cells = [f"{int(pixels) / 1e6:.2f}", *(_ms(one["ms_by_pixels"][pixels]) for one in columns)]
        limits = [columns[i]["np_max_ms_by_pixels"][pixels] for i in (0, -1)]
        yield _row([*cells, *map(_ms, limits)])
    yield _row(["slope", *(f"{one['slope']:.2f}" for one in columns), "", ""])


def _hits(found: Found) -> Iterable[str]:
    names = ("cost_against_hits", "cost_against_hits_written", "cost_against_hits_limited")
    columns = [found[name]["ms_by_particles"] for name in names]
    yield from _head(
        "particles", "clusters and crops ms", "and messages ms", "within the usual limits ms"
    )
    for count in columns[-1]:  # the others end where a frame takes too long
        yield _row(
            [f"{int(count):,}", *(_ms(one[count]) if count in one else "" for one in columns)]
        )


def _rules(found: Found) -> Iterable[str]:
    one = found["rules_1080p_u8"]
    yield from _head("rule", "ms", "ours / it")
    yield _row([f"**{one['ours']}**: pass, clusters, crops", _ms(one["ms"]), ""])
    for name, ms in one["peers_ms"].items():
        yield _row([name, _ms(ms), f"{one['ratios'][name]:.2f}"])


def _memory(found: Found) -> Iterable[str]:
    one = found["peak_memory"]
    yield from _head("megapixels", "RssAnon MB", "with mapped files MB")
    for pixels, mb in one["rss_anon_mb_by_pixels"].items():
        total = one["rss_mb_by_pixels"][pixels]
        yield _row([f"{int(pixels) / 1e6:.2f}", f"{mb:.0f}", f"{total:.0f}"])
    yield ""
    yield f"{one['base_mb']:.0f} MB and {one['bytes_per_pixel']:.0f} bytes a pixel."


TABLES: Mapping[str, Callable[[Found], Iterable[str]]] = {
    "machine": _machine,
    "passes": _passes,
    "loop": _loop,
    "live": _live,
    "hot": _hot,
    "pixels": _pixels,
    "hits": _hits,
    "rules": _rules,
    "memory": _memory,
}


def _head(*names: str) -> Iterable[str]:
    yield _row(names)
    yield _row(["---"] * len(names)).replace(" ", "")


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _ms(ms: float) -> str:
    """Three digits, never an exponent."""
    return (
        f"{ms:.0f}"
        if ms >= 100
        else f"{ms:.1f}"
        if ms >= 10
        else f"{ms:.2f}"
        if ms >= 1
        else f"{ms:.3f}"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
