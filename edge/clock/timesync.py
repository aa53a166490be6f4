"""systemd-timesyncd's word: how far the server is that it follows.

timesyncd, which Raspberry Pi OS comes with, calls the error of the system's clock 0 at each answer,
though the server states its own error and the way there and back takes its time. Both are in the
last message, which it shows on the bus.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edge.clock.program import ask_program, find_program

_RUNS = Path("/run/systemd/timesync")
_ASK = (
    "--system", "--auto-start=no", "get-property", "org.freedesktop.timesync1",
    "/org/freedesktop/timesync1", "org.freedesktop.timesync1.Manager", "NTPMessage",
)  # fmt: skip
_SIGNATURE = "(uuuuittayttttbtt)"
_FIELDS = 14
_US = 1e-6


@dataclass(frozen=True, slots=True)
class Followed:
    """The last answer that timesyncd had from its server.

    Attributes
    ----------
    distance_s : float
        Root delay / 2 + root dispersion + round trip / 2: the error of what the server told.
    reference_s : float
        When it came, in Unix time.
    ignored : bool
        Whether timesyncd made nothing of it.
    """

    distance_s: float
    reference_s: float
    ignored: bool = False


def parse_message(line: str) -> Followed | None:
    """Read what ``busctl get-property … NTPMessage`` prints; None for anything else.

    Leap, version, mode, stratum, precision, root delay, root dispersion, length and bytes of the
    reference, four times, whether it was ignored, a count and the jitter; times in µs.
    """
    words = line.split()
    if not words or words[0] != _SIGNATURE or len(words) < 9:
        return None
    try:
        fields = words[1:8] + words[9 + int(words[8]) :]
        if len(fields) != _FIELDS:
            return None
        root_delay, root_dispersion = int(fields[5]), int(fields[6])
        sent, received, answered, came = (int(field) for field in fields[7:11])
    except ValueError:
        return None
    if not came or not int(fields[3]):  # no answer yet
        return None
    trip = max((came - sent) - (answered - received), 0)
    distance_s = (root_delay / 2 + root_dispersion + trip / 2) * _US
    return Followed(distance_s, came * _US, fields[11] == "true")


def read_followed(timeout_s: float = 1.0) -> Followed | None:
    """Ask timesyncd; None where it does not run, or nobody answers in time."""
    program = find_program("busctl")
    if program is None or not _RUNS.is_dir():
        return None
    said = ask_program(program, _ASK, timeout_s)
    return None if said is None else parse_message(said)
