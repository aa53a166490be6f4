"""A live run of the product, fed from a recording at a camera's pace and watched from outside."""

from __future__ import annotations

import contextlib
import json
import math
import socket
import statistics
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from edge.bench.dark import SHALLOW
from edge.bench.peak_memory import answer
from edge.bench.processes import cpu_s, memory_mb, python
from edge.bench.recorded import Recorded, learned, write_dark
from edge.bench.result import Figures
from edge.bench.scale import Scale
from edge.config.model import Config
from edge.errors import Failed
from edge.live.shelf import Shelf
from edge.server.brokers import EmbeddedBroker

NAME = "live_1080p_u8"
_FPS = 30
_LOOK_EVERY_S = 0.25
_MOST_FRAMES = 600
_TAIL_S = 1.0


@dataclass(slots=True)
class Watched:
    """What a running process cost.

    Attributes
    ----------
    rss_anon_mb : list of float
        Evenly over the time.
    cpu_s, wall_s : float
    """

    rss_anon_mb: list[float] = field(default_factory=list)
    cpu_s: float = math.nan
    wall_s: float = math.nan

    @property
    def cpu_share(self) -> float:
        """Of one core."""
        return self.cpu_s / self.wall_s

    @property
    def quarters_mb(self) -> tuple[float, float]:
        """Mean memory in the first and in the last quarter of the time."""
        some = max(len(self.rss_anon_mb) // 4, 1)
        first, last = self.rss_anon_mb[:some], self.rss_anon_mb[-some:]
        return statistics.fmean(first), statistics.fmean(last)


def run(scale: Scale, folder: Path) -> Iterator[Figures]:
    """Watch ``cosmic-edge run`` for a while, then a process that only takes the same frames."""
    state = folder / "live-state"
    recorded = write_dark(folder / "live", scale.medium, SHALLOW, _MOST_FRAMES)
    Shelf(state / "calibrations", Config()).keep(learned(scale.medium, SHALLOW))
    url = f"recording:{quote(str(recorded.place.resolve()))}?paced=1&loop=1&fps={_FPS}"
    with python("edge.cli.main", "warmup") as process:  # a start that compiles is no steady run
        process.communicate()
    watched, summary = _watch(url, state, scale)
    with python("edge.bench.child", "source", url, str(min(scale.live_s, 20.0))) as process:
        out, error = process.communicate()
    source_share = float(answer(process, out, error)["cpu_share"])
    yield _figures(recorded, watched, summary, source_share)


def _watch(url: str, state: Path, scale: Scale) -> tuple[Watched, dict[str, Any]]:
    config = state / "rig.toml"
    config.write_text('[broker]\nack = "broker"\n', encoding="utf-8")  # there is no server
    duration_s = scale.live_warm_s + scale.live_s + _TAIL_S
    with _broker() as broker:
        arguments = ("--source", url, "--broker", broker, "--state-dir", str(state))
        options = (
            "--config",
            str(config),
            "--rig",
            "bench",
            "--duration",
            f"{duration_s:g}",
            "--json",
        )
        with python("edge.cli.main", "run", *arguments, *options) as process:
            watched = watch(process, scale.live_warm_s, scale.live_s)
            out, error = process.communicate()
    summary = answer(process, out, error)
    if "processed" not in summary:
        raise Failed(f"bench: the live run gave no summary: {json.dumps(summary)[:200]}")
    return watched, summary


@contextlib.contextmanager
def _broker() -> Iterator[str]:
    """A broker of one's own, or a place where none listens: the rig must live with that too."""
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(EmbeddedBroker()).url
        except Failed:
            closed = stack.enter_context(socket.socket())
            closed.bind(("127.0.0.1", 0))
            url = f"mqtt://127.0.0.1:{closed.getsockname()[1]}"
        yield url


def watch(process: subprocess.Popen[str], warm_s: float, seconds: float) -> Watched:
    """Look at a process again and again, from `warm_s` after now, for `seconds`."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(warm_s)
    watched = Watched()
    before, begun = cpu_s(process.pid), time.perf_counter()
    while process.poll() is None and (gone := time.perf_counter() - begun) < seconds:
        watched.rss_anon_mb.append(memory_mb(process.pid, "RssAnon"))
        time.sleep(min(_LOOK_EVERY_S, seconds - gone))
    watched.cpu_s = cpu_s(process.pid) - before
    watched.wall_s = time.perf_counter() - begun
    return watched


def _figures(
    recorded: Recorded, watched: Watched, summary: dict[str, Any], source_share: float
) -> Figures:
    if not watched.rss_anon_mb:
        raise Failed("bench: the live run ended before it could be watched")
    first, last = watched.quarters_mb
    # Paced, the recording leaves out what can't be delivered in time: a gap, missing.
    dropped = int(summary["dropped"]) + int(summary["missing"])
    width, height = recorded.size
    most = max(watched.rss_anon_mb)
    calibrating = int(summary["calibrating"])
    return Figures(
        NAME,
        f"a live run, {width} × {height} uint8 at {_FPS} frames/s, a recording played in a loop",
        figures={
            "cpu_share": round(watched.cpu_share, 4),
            "source_cpu_share": round(source_share, 4),
            "rss_anon_mb": round(most, 1),
            "rss_anon_first_quarter_mb": round(first, 1),
            "rss_anon_last_quarter_mb": round(last, 1),
            "dropped": dropped,
            "seconds": round(watched.wall_s, 1),
            "processed": int(summary["processed"]),
            "calibrating": calibrating,
            "recording_frames": recorded.frames,
        },
        columns=("", ""),
        rows=(
            ("share of one core", f"{watched.cpu_share:.1%}"),
            ("of it the source alone", f"{source_share:.1%}"),
            ("anonymous memory, most", f"{most:.0f} MB"),
            ("first and last quarter", f"{first:.1f} and {last:.1f} MB"),
            ("frames dropped", f"{dropped} in {watched.wall_s:.0f} s"),
        ),
        notes=("share and memory without the start", *recorded.note),
    )
