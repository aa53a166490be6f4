"""Request bodies as lines of JSON, each as a POST takes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from edge.credo_uplink.items import Item, LeftOut, Offer
from edge.credo_uplink.request import Endpoint, Packer
from edge.credo_uplink.tally import Tally
from edge.errors import Failed
from edge.outfile import FileKind, check_place, replacing

REQUESTS = FileKind("a file of CREDO requests", b'{"device_id":')


def ping_path(out: Path) -> Path:
    """Where the pings that belong to a file of detections lie."""
    return out.with_name(out.name + ".ping.jsonl")


def check_request_places(out: Path) -> None:
    """Refuse a place before any work is done for it; see `edge.outfile.check_place`."""
    check_place(out, REQUESTS)
    check_place(ping_path(out), REQUESTS)


def write_requests(offers: Iterable[Offer], packer: Packer, out: Path) -> tuple[Tally, int]:
    """Write what is real: bodies for ``/detection`` to `out`, for ``/ping`` beside it.

    Returns
    -------
    Tally
        ``sent`` is what was written.
    int
        Requests written.

    Raises
    ------
    Failed
        The files can't be written; what was there stays.
    """
    tally, requests = Tally(), Counter[Endpoint]()
    try:
        with ExitStack() as opened:
            files: dict[Endpoint, IO[bytes]] = {
                "detection": opened.enter_context(replacing(out)),
                "ping": opened.enter_context(replacing(ping_path(out))),
            }
            for request in packer.pack(_real(offers, tally)):
                files[request.endpoint].write(request.body() + b"\n")
                tally.counts[request.items[0].kind].sent += len(request.items)
                requests[request.endpoint] += 1
    except OSError as error:
        raise Failed(f"{out}: can't be written ({error.strerror or error})") from None
    return tally, requests.total()


def _real(offers: Iterable[Offer], tally: Tally) -> Iterator[Item]:
    for offer in offers:
        tally.counts[offer.kind].offered += 1
        if isinstance(offer, Item):
            yield offer
        elif isinstance(offer, LeftOut) and offer.real:
            tally.refuse(offer.kind, offer.id, offer.reason)
        elif isinstance(offer, LeftOut):
            tally.leave_out(offer.kind, offer.reason)
