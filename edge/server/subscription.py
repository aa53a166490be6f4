"""What a collector listens to, and under which name."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from edge.delivery.address import BrokerAddress
from edge.errors import BadUse
from edge.messages import MESSAGE_TYPES, topic


@dataclass(frozen=True, slots=True)
class Subscription:
    """What to listen to.

    Attributes
    ----------
    filters : tuple of str
        Topic filters.
    client_id : str
        Name of the session.
    durable : bool
        The broker keeps what comes while the collector is away. Not with a shared subscription:
        the queue of a killed collector would starve there.
    """

    filters: tuple[str, ...]
    client_id: str
    durable: bool


def subscription(identity: str, share: str | None, address: BrokerAddress) -> Subscription:
    """Listen to every kind of message of every rig.

    Parameters
    ----------
    identity : str
        The store's: the session goes with the database, wherever the collector runs. A secret
        between the broker and the database's collectors: brokers do not ask who joins a group, and
        hand each member its part, which one that may not read it never gets; so nobody else may
        know the group's name.
    share : str or None
        Name of the group that shares the work, among those of this database; None: alone.
    address : BrokerAddress
        The broker.

    Raises
    ------
    edge.errors.BadUse
        The name is none, or the broker is to be spoken to in a version without groups.
    """
    filters = [topic("+", kind) for kind in MESSAGE_TYPES]
    if share is None:
        return Subscription(tuple(filters), f"cosmic-edge-collect-{identity}", durable=True)
    if not share or any(letter in "/+#" or not letter.isprintable() for letter in share):
        raise BadUse(f"share {share!r}: give a name without /, + and #")
    if address.protocol == "3.1.1":
        raise BadUse("a shared subscription needs MQTT 5: leave --share or ?protocol=3.1.1 away")
    return Subscription(
        tuple(f"$share/{share}-{identity}/{one}" for one in filters),
        f"cosmic-edge-collect-{secrets.token_hex(8)}",
        durable=False,
    )
