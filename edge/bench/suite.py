"""All benchmarks by their keys, and how they are run one after the other."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.bench import (
    against_hits,
    against_hot,
    against_pixels,
    calibration_rate,
    live,
    loop,
    outbox_rate,
    peak_memory,
    pixel_pass,
    replay_rate,
    rivals,
)
from edge.bench.peers import single_thread
from edge.bench.result import Found
from edge.bench.scale import Scale
from edge.errors import BadUse


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark.

    Attributes
    ----------
    name : str
        Key in the JSON object.
    run : callable
        Measures it.
    """

    name: str
    run: Callable[[], Iterator[Found]]


def parts(scale: Scale, folder: Path) -> list[Part]:
    """What is measured.

    Parameters
    ----------
    folder : Path
        An empty folder on the disk to be measured; recordings and outboxes are made in it.
    """
    passes = [
        Part(case.name + pixel_pass.MEMORY * memory, partial(_pass, case, scale, memory))
        for memory in (False, True)
        for case in pixel_pass.CASES
    ]
    loops = [
        Part(loop.NAME, lambda: loop.run(scale, folder)),
        Part(loop.NAME + pixel_pass.MEMORY, lambda: loop.run(scale, folder, memory=True)),
        Part(live.NAME, lambda: live.run(scale, folder)),
    ]
    growth = [
        *(Part(name, partial(against_pixels.run, name, scale)) for name in against_pixels.SENSORS),
        *(Part(name, partial(against_hot.run, name, scale)) for name in against_hot.HOT_CASES),
        *(Part(name, partial(against_hits.run, name, scale)) for name in against_hits.NAMES),
        Part(peak_memory.NAME, lambda: peak_memory.run(scale, folder)),
    ]
    rest = [
        Part(rivals.NAME, lambda: rivals.run(scale)),
        *(
            Part(
                calibration_rate.name_of(*case), partial(calibration_rate.run, *case, scale.rounds)
            )
            for case in calibration_rate.cases(scale)
        ),
        *(
            Part(replay_rate.name_of(size), partial(replay_rate.run, size, frames, scale, folder))
            for size, frames in scale.recordings
        ),
        *(
            Part(outbox_rate.name_of(rows), partial(outbox_rate.run, rows, n, scale.rounds, folder))
            for rows, n in scale.commits
        ),
    ]
    return [*passes, *loops, *growth, *rest]


def _pass(case: pixel_pass.Case, scale: Scale, memory: bool) -> Iterator[Found]:
    return pixel_pass.run(case, scale, memory=memory)


def chosen(every: Sequence[Part], only: Sequence[str]) -> list[Part]:
    """The parts that were asked for, in their usual order; all where none was.

    Raises
    ------
    BadUse
        There is none of that name.
    """
    names = [part.name for part in every]
    for name in only:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
            hint = f'; did you mean "{near[0]}"?' if near else f"; there are {', '.join(names)}"
            raise BadUse(f'there is no benchmark "{name}"{hint}')
    return [part for part in every if not only or part.name in only]


def measure(
    scale: Scale,
    folder: Path,
    *,
    only: Sequence[str] = (),
    begin: Callable[[str, int, int], None] = lambda name, number, total: None,
    show: Callable[[Found], None] = lambda found: None,
) -> list[Found]:
    """Run benchmarks; what is made in `folder` goes again.

    Parameters
    ----------
    only : sequence of str
        Names; none: all.
    begin : callable
        Told the name, number from 0 and count before each.
    show : callable
        Given each result as it comes.

    Raises
    ------
    BadUse
        A name that there is not.
    OSError
        The folder does not take what is written.
    """
    chosen(parts(scale, folder), only)  # a slip is told before anything is made
    single_thread()
    found: list[Found] = []
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as place:
        todo = chosen(parts(scale, Path(place)), only)
        for number, part in enumerate(todo):
            begin(part.name, number, len(todo))
            for one in part.run():
                found.append(one)
                show(one)
    return found
