"""Requests of the API: which items go together, and their body."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from edge.credo_uplink.device import Device, device_of
from edge.credo_uplink.items import Item
from edge.credo_uplink.metadata import compact

Endpoint = Literal["detection", "ping"]
MAX_HITS = 16
MAX_BODY_BYTES = 900_000
"""The API names no limit; web servers in front of one refuse bodies from 1 MB on."""
_HEAD_BYTES = 1000


@dataclass(frozen=True, slots=True)
class Request:
    """One POST: some hits of a rig, or one of its pings.

    Attributes
    ----------
    device : Device
    items : tuple of Item
        At least one, all of one kind and one rig.
    """

    device: Device
    items: tuple[Item, ...]

    @property
    def endpoint(self) -> Endpoint:
        """Last part of the URL."""
        return "detection" if self.items[0].kind == "hit" else "ping"

    def body(self) -> bytes:
        """JSON of the POST."""
        return compact(self._value()).encode("ascii")

    def part(self, items: Sequence[Item]) -> Request:
        """The same request with some of its items."""
        return replace(self, items=tuple(items))

    def _value(self) -> dict[str, Any]:
        head: dict[str, Any] = dict(self.device.fields())
        if self.endpoint == "ping":
            return head | self.items[0].content
        return head | {"detections": [item.content for item in self.items]}


class Packer:
    """Puts items together to requests.

    Parameters
    ----------
    model : str or None
        ``device_model``; None: the sensor's name, the first that is known of a rig, so that one
        rig stays one device.
    max_hits : int
        Most hits in a request; a ping has one of its own, as the API wants.
    """

    def __init__(self, model: str | None = None, max_hits: int = MAX_HITS) -> None:
        self._model = model
        self._max_hits = max_hits
        self._sensors: dict[str, str] = {}

    def pack(self, items: Iterable[Item]) -> Iterator[Request]:
        """Yield requests; items keep their order."""
        held: list[Item] = []
        size = 0
        for item in items:
            more = len(compact(item.content))
            if held and not self._goes_with(held, item, size + more):
                yield self._request(held)
                held, size = [], 0
            held.append(item)
            size += more + 1
        if held:
            yield self._request(held)

    def _goes_with(self, held: list[Item], item: Item, size: int) -> bool:
        return (
            item.kind == "hit"
            and held[0].kind == "hit"
            and item.rig == held[0].rig
            and len(held) < self._max_hits
            and size + _HEAD_BYTES <= MAX_BODY_BYTES
        )

    def _request(self, items: Sequence[Item]) -> Request:
        rig = items[0].rig
        for item in items:
            if item.sensor:
                self._sensors.setdefault(rig, item.sensor)
        model = self._model or self._sensors.get(rig)
        return Request(device_of(rig, items[-1].software, model), tuple(items))
