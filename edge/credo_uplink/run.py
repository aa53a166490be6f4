"""One run of the uplink: what a command does, or a rig's loop might do each few minutes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edge.credo_uplink.attempts import Attempts, Keys, Patience
from edge.credo_uplink.client import Post
from edge.credo_uplink.ledger import Ledger
from edge.credo_uplink.request import Packer
from edge.credo_uplink.sender import Sender
from edge.credo_uplink.source import Source
from edge.credo_uplink.tally import Tally
from edge.errors import Failed


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run is to do.

    Attributes
    ----------
    server : str
        Under which name the ledger knows the server.
    ledger : Path
    model : str or None
        ``device_model``; None: the sensor's name.
    patience : Patience
    retry_refused : bool
        Whether what was set aside before is tried once more.
    """

    server: str
    ledger: Path
    model: str | None = None
    patience: Patience = field(default_factory=Patience)
    retry_refused: bool = False


def send(
    source: Source,
    plan: Plan,
    post: Post,
    keys: Keys,
    *,
    wait: Callable[[float], bool],
    advance: Callable[[float], None] = lambda steps: None,
) -> Tally:
    """Send what a source holds and the server lacks.

    Parameters
    ----------
    source : Source
    plan : Plan
    post : Post
    keys : Keys
    wait : callable
        Sleeps so many seconds and tells whether to end: ``threading.Event().wait``. An exchange
        that has begun is brought to its end first.
    advance : callable
        Told how many were looked at.

    Raises
    ------
    edge.errors.Failed
        Another run holds the ledger, which takes nothing, a source can't be read, or a first
        login fails.
    """
    with _alone(plan.ledger), Ledger(plan.ledger, plan.server) as ledger:
        sender = Sender(
            Attempts(post, keys, ledger, wait, plan.patience),
            ledger,
            Packer(plan.model),
            retry_refused=plan.retry_refused,
            advance=advance,
        )
        return sender.run(source)


@contextmanager
def _alone(ledger: Path) -> Iterator[None]:
    """Hold the ledger: two runs at once would send all twice."""
    lock = ledger.with_name(ledger.name + ".lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise Failed(f"{lock} can't be written: {error.strerror}") from None
    try:
        try:
            import fcntl

            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # no such locks there
            pass
        except OSError:
            raise Failed(f"another run sends with {ledger}; wait for its end") from None
        yield
    finally:
        os.close(fd)
