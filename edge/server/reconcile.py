"""Compares what rigs were told with what a database holds: after an older one was restored.

The broker retains how far each rig's messages were safe. A rig let go of all that; what this
database has not got of it will never come, and is declared lost.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge.delivery.address import BrokerAddress
from edge.delivery.talk import talking
from edge.delivery.transport import Lost, Received, Subscribed, Transport
from edge.errors import Failed
from edge.messages import Ack, MessageError, parse_service, split_topic, topic
from edge.messages.fields import RIG_PATTERN
from edge.server.let_go import declare
from edge.server.store import Store
from edge.server.transaction import Owner
from edge.server.upkeep import Ask

_QUIET_S = 1.0
_LONGEST_S = 60.0
_ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class Behind:
    """A rig that was told more than the database holds.

    Attributes
    ----------
    rig, epoch : str
        Which.
    had, told : int
        The database's watermark, and the one the rig was told.
    missing : int
        Messages between the two that are not there: now declared lost.
    """

    rig: str
    epoch: str
    had: int
    told: int
    missing: int


def told_to_rigs(broker: BrokerAddress) -> dict[Owner, int]:
    """Read the watermarks that the broker retains.

    Raises
    ------
    edge.errors.Failed
        There is no broker, or it does not let us read.
    """
    with talking(broker, "reconcile", _ANSWER_S) as transport:
        transport.subscribe(topic("+", "ack"))
        return _listen(transport, broker)


def reconcile(store: Store, told: Mapping[Owner, int]) -> tuple[Behind, ...]:
    """Declare lost what rigs let go of and the store has not; a second time finds nothing.

    Raises
    ------
    edge.server.store.StoreUnavailableError, edge.errors.Failed
        Nothing was changed.
    """
    return store.transact(lambda ask: _compare(ask, sorted(told.items())))


def _listen(transport: Transport, broker: BrokerAddress) -> dict[Owner, int]:
    """Take what is retained, which comes at once after the subscription, until it is quiet."""
    told: dict[Owner, int] = {}
    subscribed = False
    began = last = time.monotonic()
    while not (subscribed and time.monotonic() - last > _QUIET_S):
        if time.monotonic() - began > _LONGEST_S:
            raise Failed(f"broker {broker} does not come to an end with what it retains")
        for event in transport.turn(0.1):
            match event:
                case Lost():
                    raise Failed(f"connection to {broker} lost ({event.text.lower()})")
                case Subscribed(reason=reason):
                    if reason >= 128:
                        raise Failed(f"{broker} lets this user read no acknowledgements")
                    subscribed, last = True, time.monotonic()
                case Received() if event.retained:
                    last = time.monotonic()
                    told |= _read(event)
    return told


def _read(event: Received) -> dict[Owner, int]:
    parts = split_topic(event.topic)
    try:
        ack = parse_service(Ack, event.payload)
    except MessageError:
        return {}
    if parts is None or ack.upto is None or re.fullmatch(RIG_PATTERN, parts[0]) is None:
        return {}
    return {Owner(parts[0], ack.epoch): ack.upto}


def _compare(ask: Ask, told: Sequence[tuple[Owner, int]]) -> tuple[Behind, ...]:
    found = []
    for owner, upto in told:
        who = {"rig": owner.rig, "epoch": owner.epoch}
        rows = ask("SELECT upto FROM rigs WHERE rig = {rig} AND epoch = {epoch}", who).fetchall()
        had = int(rows[0][0]) if rows else 0
        if upto > had:
            found.append(Behind(owner.rig, owner.epoch, had, upto, _settle(ask, owner, had, upto)))
    return tuple(found)


def _settle(ask: Ask, owner: Owner, had: int, told: int) -> int:
    """Declare what is missing, and bring the watermark to where the rig has it."""
    who = {"rig": owner.rig, "epoch": owner.epoch, "upto": told, "had": had}
    declare(ask, owner, had + 1, told)
    ask(
        """INSERT INTO rigs (rig, epoch, floor_high, upto) VALUES ({rig}, {epoch}, 1, {upto})
        ON CONFLICT (rig, epoch) DO UPDATE SET upto = excluded.upto
        WHERE rigs.upto < excluded.upto""",  # a collector may have brought it further meanwhile
        who,
    )
    [(there,)] = ask(
        """SELECT count(*) FROM ledger WHERE rig = {rig} AND epoch = {epoch}
        AND seq > {had} AND seq <= {upto}""",
        who,
    ).fetchall()
    return told - had - int(there)
