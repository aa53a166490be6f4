"""What was told of silent rigs, so that each is told once, and that it is back once."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge.errors import Failed
from edge.server.presence import Presence

_SCHEMA = "cosmic-edge/told-alarms/1"


@dataclass(frozen=True, slots=True)
class Change:
    """What is new since the last look.

    Attributes
    ----------
    raised : tuple of Presence
        Rigs that have gone silent.
    cleared : tuple of Presence
        Rigs that were silent, and are back (reporting) or no longer waited for (gone).
    """

    raised: tuple[Presence, ...]
    cleared: tuple[Presence, ...]


class Alarms:
    """Remembers which rigs were told as silent.

    Parameters
    ----------
    file : Path or None
        Where that outlives the process; None: nowhere.

    Raises
    ------
    edge.errors.Failed
        The file is there and holds something else.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._told: frozenset[str] = frozenset() if file is None else _read(file)

    def compare(self, presences: Sequence[Presence]) -> Change:
        """Find what is new; changes nothing."""
        by_rig = {one.rig: one for one in presences}
        raised = tuple(one for one in presences if one.alarming and one.rig not in self._told)
        cleared = tuple(
            by_rig.get(rig, Presence(rig, "gone", None, None))
            for rig in sorted(self._told)
            if rig not in by_rig or not by_rig[rig].alarming
        )
        return Change(raised, cleared)

    def note(self, change: Change) -> None:
        """Remember that it was told: after it was, so that a crash tells it twice, not never.

        Raises
        ------
        edge.errors.Failed
            The file can't be written.
        """
        if not (change.raised or change.cleared):
            return
        self._told = (self._told | {one.rig for one in change.raised}) - {
            one.rig for one in change.cleared
        }
        if self._file is not None:
            _write(self._file, self._told)


def _read(file: Path) -> frozenset[str]:
    try:
        content = json.loads(file.read_bytes())
        if content["schema"] != _SCHEMA:
            raise ValueError
        return frozenset(str(rig) for rig in content["silent"])
    except FileNotFoundError:
        return frozenset()
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise Failed(
            f"{file}: no list of told alarms; name another file, or remove it to have all told anew"
        ) from None


def _write(file: Path, told: frozenset[str]) -> None:
    text = json.dumps({"schema": _SCHEMA, "silent": sorted(told)})
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        beside.write_text(text + "\n", encoding="utf-8")
        beside.replace(file)
    except OSError as error:
        raise Failed(f"{file}: {error.strerror}") from None
