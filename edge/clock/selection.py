"""Which servers to believe: the majority whose statements can all be true (Marzullo's method).

Each server says that UTC - boot time lies in offset ± root distance. Where more than half of these
intervals have an instant in common, the truth may be; who has no part in any such place is a
falseticker (RFC 5905, section 11.2.1). The RFC takes the place where the most overlap, which one
server that errs by less than the others' bounds can move away from the truth; here every place
counts that is possible with as many false servers as a majority allows, so that the bound holds
whatever those say. Its cluster algorithm and the mean of the survivors are left out: they make the
offset smoother by assuming errors that average out.
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
        From the first to the last instant that is possible while the honest are the majority.
    bound_s : float
        How far the chosen offset may be off: never less than its own bound, and never less than
        to the farther of these two.
    survivors, falsetickers : tuple of str
        Names in the order given.
    """

    chosen: Statement
    low_ns: int
    high_ns: int
    bound_s: float
    survivors: tuple[str, ...]
    falsetickers: tuple[str, ...]


def most_false(servers: int) -> int:
    """How many of so many may be false while the honest are the majority."""
    return max(servers - 1, 0) // 2


def select(
    statements: Sequence[Statement], voters: int | None = None, servers: int | None = None
) -> Selection | None:
    """Choose whom to believe; None where no majority agrees.

    Parameters
    ----------
    statements : sequence of Statement
        Of the servers that answer, all for the same instant.
    voters : int, optional
        Of how many more than a half must agree; all statements if not given. More than those,
        where some servers were not heard yet.
    servers : int, optional
        How many there are, silent ones too; as many as voters if not given. Fewer than half of
        these are false, and the survivors may be among them.
    """
    voters = max(voters or 0, len(statements))
    agreed = overlap(statements, voters // 2 + 1)
    if agreed is None:
        return None
    members = agreed[2]
    survivors = [one for index, one in enumerate(statements) if index in members]
    low_ns, high_ns = _allowed(statements, survivors, most_false(max(servers or 0, voters)))
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


def _allowed(
    statements: Sequence[Statement], survivors: Sequence[Statement], false: int
) -> tuple[int, int]:
    """From where to where the truth may be, though so many are false, found out or not."""
    honest = len(statements) - false
    # Where too few answer for that, any of those that agree may be the one that is right.
    place = overlap(statements, honest) if honest > 1 else overlap(survivors, 1)
    if place is None:
        raise ValueError("a majority that agrees is more than the honest are at least")
    return place[:2]


def overlap(statements: Sequence[Statement], least: int) -> tuple[int, int, frozenset[int]] | None:
    """From where to where at least so many intervals overlap, and the indices of those.

    The hull, where they do so in several places. Ends belong to an interval: two that touch agree.
    """
    edges = sorted(
        [(one.low_ns, 0, index) for index, one in enumerate(statements)]
        + [(one.high_ns, 1, index) for index, one in enumerate(statements)]
    )
    places: list[int] = []
    members: set[int] = set()
    inside: set[int] = set()
    for at_ns, ends, index in edges:
        if not ends:
            inside.add(index)
        if len(inside) >= least:
            places.append(at_ns)
            members |= inside
        if ends:
            inside.discard(index)
    return (places[0], places[-1], frozenset(members)) if places else None
