"""A look at one thing: bounded in time, and never worse than a failed check."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from edge.errors import CosmicEdgeError

Verdict = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found.

    Attributes
    ----------
    verdict : {"ok", "warn", "fail"}
        warn: the rig works, but not as it could. fail: it can't do its work.
    detail : str
        What was found, in one line.
    advice : str
        What to do ("" where all is well).
    data : dict
        Numbers for a program.
    """

    verdict: Verdict
    detail: str
    advice: str = ""
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """A finding with its name."""

    name: str
    finding: Finding

    def to_json(self) -> dict[str, Any]:
        """What `--json` prints."""
        found = self.finding
        return {
            "name": self.name,
            "verdict": found.verdict,
            "detail": found.detail,
            "advice": found.advice,
        }


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to look at.

    Attributes
    ----------
    name : str
    look : callable
        Gives a `Finding`; whatever it raises becomes one.
    timeout_s : float
        When it is given up.
    advice : str
        What to do where it raised or did not end.
    """

    name: str
    look: Callable[[], Finding]
    timeout_s: float = 10.0
    advice: str = ""


def examine(looks: Sequence[Look], done: Callable[[], None] = lambda: None) -> list[Check]:
    """Look at everything at once, each in its own thread, and wait for the slowest.

    Parameters
    ----------
    looks : sequence of Look
    done : callable
        Called after each of them, in order.

    Returns
    -------
    list of Check
        In the order of `looks`. A look that hangs is a failed check; its thread is left behind.
    """
    started = [_Running(look) for look in looks]
    checks = []
    for running in started:
        checks.append(Check(running.look.name, running.finding()))
        done()
    return checks


class _Running:
    def __init__(self, look: Look) -> None:
        self.look = look
        self._found: Finding | None = None
        self._ended = threading.Event()
        self._deadline = time.monotonic() + look.timeout_s
        threading.Thread(target=self._run, name=f"doctor {look.name}", daemon=True).start()

    def finding(self) -> Finding:
        self._ended.wait(max(0.0, self._deadline - time.monotonic()))
        if self._found is None:
            return Finding("fail", f"no answer within {self.look.timeout_s:g} s", self.look.advice)
        return self._found

    def _run(self) -> None:
        try:
            self._found = self.look.look()
        except BaseException as error:  # whatever goes wrong is the finding
            self._found = Finding("fail", one_line(error), self.look.advice)
        finally:
            self._ended.set()


def one_line(error: BaseException) -> str:
    """An error as one line; a fault of ours says itself, others are named."""
    said = " ".join(str(error).split())
    if isinstance(error, CosmicEdgeError):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
