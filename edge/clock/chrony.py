"""chronyd's word on the system's clock, where chronyd keeps it (``chronyc -c tracking``).

chrony without rtcsync leaves the kernel's bound at its worst, so the kernel alone would call a
clock unsynced that is right to the microsecond.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.clock.base import UNSYNCED_BOUND_S
from edge.clock.program import ask_program, find_program

_FIELDS = 14


@dataclass(frozen=True, slots=True)
class Tracking:
    """What chronyd says of the system's clock.

    Attributes
    ----------
    source : str
        Address or name of what it follows.
    reference_s : float
        When it last compared the clock with a source, in Unix time.
    offset_s : float
        By how much the system's clock is still to be corrected.
    leap : str
        Normal, Insert second, Delete second or Not synchronised.
    """

    source: str
    stratum: int
    reference_s: float
    offset_s: float
    root_delay_s: float
    root_dispersion_s: float
    leap: str

    @property
    def is_synced(self) -> bool:
        """Whether chronyd follows a source."""
        return self.leap.casefold() != "not synchronised" and 0 < self.stratum < 16

    @property
    def bound_s(self) -> float:
        """Bound of the system clock's error: as ClockBound and chrony's manual have it."""
        if not self.is_synced:
            return UNSYNCED_BOUND_S
        return abs(self.offset_s) + self.root_dispersion_s + self.root_delay_s / 2


def parse_tracking(line: str) -> Tracking | None:
    """Read a line of ``chronyc -c tracking``; None for anything else."""
    fields = line.strip().split(",")
    if len(fields) != _FIELDS:
        return None
    try:
        return Tracking(
            source=fields[1] or fields[0],
            stratum=int(fields[2]),
            reference_s=float(fields[3]),
            offset_s=float(fields[4]),
            root_delay_s=float(fields[10]),
            root_dispersion_s=float(fields[11]),
            leap=fields[13],
        )
    except ValueError:
        return None


def read_tracking(timeout_s: float = 1.0, address: str | None = None) -> Tracking | None:
    """Ask chronyd; None where there is none, or none that answers in time.

    Parameters
    ----------
    address : str, optional
        Its command socket or host, if not chronyc's default.
    """
    program = find_program("chronyc")
    if program is None:
        return None
    where = [] if address is None else ["-h", address]
    said = ask_program(program, ["-c", "-n", *where, "tracking"], timeout_s)
    return None if said is None else parse_tracking(said)
