"""What rigs made beside what the database holds: every hit once, or declared lost."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.edge.server.databases import rows
from tests.system.chaos.journal import Story, read
from tests.system.chaos.rig import Rig

_NAMED = 20
Hit = tuple[str, int]
"""Maker and number."""


@dataclass(frozen=True, slots=True)
class Sums:
    """How it came out; made = stored + lost + unaccounted.

    Attributes
    ----------
    made : int
        Hits whose commit returned.
    stored : int
        Of these, in the database's table of hits.
    lost : dict of str to int
        Of these, declared lost, by reason.
    unaccounted : int
        Of these, neither.
    duplicates : int
        Rows more than one for the same hit.
    announced_only : int
        Stored hits whose commit returned to nobody: the rig was killed in between.
    quarantined : int
        Of the unaccounted, in the quarantine.
    from_nowhere : int
        Stored hits nobody ever announced.
    missing : tuple of Hit
        The first of the unaccounted.
    """

    made: int
    stored: int
    lost: dict[str, int]
    unaccounted: int
    duplicates: int
    announced_only: int
    quarantined: int
    from_nowhere: int
    missing: tuple[Hit, ...] = ()

    def check(self) -> None:
        """Fail where a hit is missing, doubled or invented."""
        assert self.unaccounted == 0, self
        assert self.duplicates == 0, self
        assert self.from_nowhere == 0, self
        assert self.made == self.stored + sum(self.lost.values()), self


def audit(databases: Sequence[str], rigs: Iterable[Rig]) -> Sums:
    """Add up; `databases` are the present one and those that were emptied, as they were then."""
    stories = {rig.maker: (rig.rig, read(rig.journal)) for rig in rigs}
    copies = [_stored(database) for database in databases]
    stored = set().union(*copies)
    made = {(maker, n) for maker, (_, story) in stories.items() for n in story.made}
    gone = [row for database in databases for row in _lost_ranges(database)]
    lost = {hit: why for hit in made - stored if (why := _why_lost(hit, stories, gone))}
    missing = made - stored - set(lost)
    aside = {hit for database in databases for hit in _quarantined(database)}
    return Sums(
        made=len(made),
        stored=len(made & stored),
        lost=dict(Counter(lost.values())),
        unaccounted=len(missing),
        duplicates=sum(n - 1 for copy in copies for n in copy.values()),
        announced_only=len({hit for hit in stored - made if _announced(hit, stories)}),
        quarantined=len(missing & aside),
        from_nowhere=len({hit for hit in stored if not _announced(hit, stories)}),
        missing=tuple(sorted(missing)[:_NAMED]),
    )


def _stored(database: str) -> Counter[Hit]:
    if not _holds(database, "hits"):  # emptied before a collector had been there
        return Counter()
    return Counter((str(s), int(f)) for s, f in rows(database, "SELECT series, frame FROM hits"))


def _lost_ranges(database: str) -> list[tuple[str, str, int, int, str]]:
    if not _holds(database, "lost_ranges"):
        return []
    found = rows(database, "SELECT rig, epoch, first_seq, last_seq, reason FROM lost_ranges")
    return [(str(r), str(e), int(first), int(last), str(why)) for r, e, first, last, why in found]


def _quarantined(database: str) -> set[Hit]:
    found: set[Hit] = set()
    if not _holds(database, "quarantine"):
        return found
    for (payload,) in rows(database, "SELECT payload FROM quarantine"):
        try:
            message = json.loads(bytes(payload))
            found.add((str(message["series"]), int(message["frame"])))
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _holds(database: str, table: str) -> bool:
    """Whether there is such a table: a peer has but one."""
    return bool(rows(database, f"SELECT to_regclass('{table}') IS NOT NULL")[0][0])


def _why_lost(
    hit: Hit,
    stories: dict[str, tuple[str, Story]],
    gone: Sequence[tuple[str, str, int, int, str]],
) -> str:
    rig, story = stories[hit[0]]
    epoch, seq = story.made[hit[1]]
    for other, its_epoch, first, last, reason in gone:
        # What a server without it says was let go before is no rig's word that it is lost.
        if reason != "let_go" and (other, its_epoch) == (rig, epoch) and first <= seq <= last:
            return reason
    return ""


def _announced(hit: Hit, stories: dict[str, tuple[str, Story]]) -> bool:
    return hit[0] in stories and 1 <= hit[1] <= stories[hit[0]][1].announced
