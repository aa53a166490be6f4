"""Which servers to believe: the majority whose statements can all be true (Marzullo's method).

Each server says that UTC - boot time lies in offset ± root distance. Where most of these intervals
have an instant in common, that is where the truth is; who has no part in it is a falseticker
(RFC 5905, section 11.2.1). The RFC's cluster algorithm and the mean of the survivors are left out:
they make the offset smoother by assuming errors that average out, while the bound stated here is
one that holds for the server of the smallest root distance whatever the others' errors are. Who
errs by less than the others' bounds can't be told from them: more servers, and near ones, help.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statement:
    """One server's word at one instant: UTC - boot time, and how far it may be off."""

    name: str
    offset_ns: int
    bound_s: float

    @property
    def low_ns(self) -> int:
        """Lower end of the correctness interval."""
        return self.offset_ns - self.half_ns

    @property
    def high_ns(self) -> int:
        """Upper end of it."""
        return self.offset_ns + self.half_ns

    @property
    def half_ns(self) -> int:
        """Half its width."""
        return round(self.bound_s * 1e9) + 1


@dataclass(frozen=True, slots=True)
class Selection:
    """What the majority says.

    Attributes
    ----------
    chosen : Statement
        The survivor of the smallest root distance.
    low_ns, high_ns : int
        Where the most intervals overlap; the hull, where they do so in several places.
    bound_s : float
        How far the chosen offset may be off: never less than its own bound, and never less than
        to the farther end of the overlap.
    survivors, falsetickers : tuple of str
        Names in the order given.
    """

    chosen: Statement
    low_ns: int
    high_ns: int
    bound_s: float
    survivors: tuple[str, ...]
    falsetickers: tuple[str, ...]


def select(statements: Sequence[Statement], voters: int | None = None) -> Selection | None:
    """Choose whom to believe; None where no majority agrees.

    Parameters
    ----------
    statements : sequence of Statement
        Of the servers that answer, all for the same instant.
    voters : int, optional
        Of how many more than a half must agree; all statements if not given. More than those,
        where some servers were not heard yet.
    """
    overlap = most_overlap(statements)
    if overlap is None or 2 * overlap[0] <= max(voters or 0, len(statements)):
        return None
    _, low_ns, high_ns, members = overlap
    survivors = [one for index, one in enumerate(statements) if index in members]
    chosen = min(survivors, key=lambda one: one.bound_s)
    farther_ns = max(high_ns - chosen.offset_ns, chosen.offset_ns - low_ns)
    return Selection(
        chosen,
        low_ns,
        high_ns,
        max(chosen.bound_s, farther_ns * 1e-9),
        tuple(one.name for one in survivors),
        tuple(one.name for index, one in enumerate(statements) if index not in members),
    )


def most_overlap(statements: Sequence[Statement]) -> tuple[int, int, int, frozenset[int]] | None:
    """How many intervals overlap at most, from where to where, and the indices of those.

    Ends belong to an interval: two that touch agree.
    """
    edges = sorted(
        [(one.low_ns, 0, index) for index, one in enumerate(statements)]
        + [(one.high_ns, 1, index) for index, one in enumerate(statements)]
    )
    most, low_ns, high_ns = 0, 0, 0
    members: frozenset[int] = frozenset()
    inside: set[int] = set()
    for at_ns, ends, index in edges:
        if ends:
            if len(inside) == most:  # a place of most overlap ends here
                high_ns = at_ns
            inside.discard(index)
            continue
        inside.add(index)
        if len(inside) > most:
            most, low_ns, members = len(inside), at_ns, frozenset(inside)
        elif len(inside) == most:
            members |= inside
    return (most, low_ns, high_ns, members) if most else None
