"""Sends what is offered, each hit once as far as anyone can know, and lets nothing block the rest.

- An answer that was lost: the same request again, after a wait with full jitter.
- A refused request is halved until the hit at fault stands alone; that one is set aside.
- A request at which the server fails again and again is taken apart, so that one hit that breaks
  the server does not hold up the others.
- A server that fails at everything, an unknown token, a wrong address: the run ends, nothing is
  set aside, what is left is sent by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from edge.credo_uplink.attempts import Attempts
from edge.credo_uplink.items import Item, LeftOut, Offer, Settled, SettledState
from edge.credo_uplink.ledger import Ledger
from edge.credo_uplink.request import Packer, Request
from edge.credo_uplink.source import Source
from edge.credo_uplink.tally import Tally
from edge.credo_uplink.verdict import Again, Denied, Refused, Stored, Useless, Verdict

_MOST_IN_ROW = 3
_MOST_REFUSED_IN_ROW = 20


class Sender:
    """One run against one server.

    Parameters
    ----------
    attempts : Attempts
    ledger : Ledger
    packer : Packer
    retry_refused : bool
        Whether what was set aside before is tried once more.
    advance : callable
        Told how many were looked at.
    """

    def __init__(
        self,
        attempts: Attempts,
        ledger: Ledger,
        packer: Packer,
        *,
        retry_refused: bool = False,
        advance: Callable[[float], None] = lambda steps: None,
    ) -> None:
        self._attempts = attempts
        self._ledger = ledger
        self._packer = packer
        self._retry_refused = retry_refused
        self._advance = advance
        self._tally = Tally()
        self._taken: set[str] = set()
        self._twice: list[Offer] = []
        self._failed_in_row = 0
        self._refused_in_row = 0

    def run(self, source: Source) -> Tally:
        """Send all that is real and not yet there.

        Raises
        ------
        edge.errors.Failed
            The ledger takes nothing, the source can't be read, or a first login fails.
        """
        offers = source.offers(self._settled_state)
        for request in self._packer.pack(self._wanted(offers)):
            self._deliver(request)
        for offer in self._twice:
            self._settle_twice(offer)
        return self._tally

    # -- what is to be sent -------------------------------------------------------------------

    def _wanted(self, offers: Iterable[Offer]) -> Iterator[Item]:
        for offer in offers:
            self._tally.counts[offer.kind].offered += 1
            self._advance(1)
            if offer.digest in self._taken:
                self._twice.append(offer)
            elif isinstance(offer, Item):
                self._taken.add(offer.digest)
                yield offer
            elif isinstance(offer, Settled):
                self._count_settled(offer)
            elif offer.real:
                self._can_not(offer)
            else:
                self._tally.leave_out(offer.kind, offer.reason)

    def _settled_state(self, digest: str) -> SettledState | None:
        """How an item that this run need not touch was settled; None of one that it must send."""
        known = None if digest in self._taken else self._ledger.known(digest)
        if known is None or known.state == "open":
            return None
        return None if known.state == "refused" and self._retry_refused else known.state

    def _count_settled(self, offer: Settled) -> None:
        if offer.state == "sent":
            self._tally.counts[offer.kind].already_sent += 1
        else:
            self._tally.refuse(offer.kind, offer.id, None)

    def _can_not(self, one: LeftOut) -> None:
        """Set aside what a camera saw and nobody can send."""
        before = self._ledger.known(one.digest)
        if before is not None and before.state == "refused":
            self._tally.refuse(one.kind, one.id, None)
            return
        self._ledger.refused(one, one.reason)
        self._tally.refuse(one.kind, one.id, one.reason)

    def _settle_twice(self, offer: Offer) -> None:
        """Count what was offered a second time as what became of the first."""
        known = self._ledger.known(offer.digest)
        if known is not None and known.state == "sent":
            self._tally.counts[offer.kind].already_sent += 1
        elif known is not None and known.state == "refused":
            self._tally.refuse(offer.kind, offer.id, None)
        else:
            self._tally.counts[offer.kind].left += 1

    # -- sending ------------------------------------------------------------------------------

    def _deliver(self, request: Request) -> None:
        if self._tally.ended:
            self._leave(request)
            return
        verdict = self._attempts.make(request)
        if isinstance(verdict, Again) and not verdict.not_stored and len(request.items) > 1:
            for item in request.items:
                self._settle_one(request.part([item]))
        elif isinstance(verdict, Refused) and len(request.items) > 1:
            middle = len(request.items) // 2
            self._deliver(request.part(request.items[:middle]))
            self._deliver(request.part(request.items[middle:]))
        else:
            self._settle(request, verdict)

    def _settle_one(self, request: Request) -> None:
        """Try a hit of a request at which the server failed, once: others may do."""
        if self._tally.ended:
            self._leave(request)
        else:
            self._settle(request, self._attempts.make(request, 1))

    def _settle(self, request: Request, verdict: Verdict | None) -> None:
        match verdict:
            case Stored(server_ids):
                self._store(request, server_ids)
            case Refused(reason):
                self._set_aside(request.items[0], reason)
            case Again(reason=reason, not_stored=not_stored):
                self._leave(request)
                self._failed_in_row += 1
                if not_stored or self._failed_in_row >= _MOST_IN_ROW:
                    self._tally.ended = reason
            case Denied(reason):
                self._leave(request)
                self._tally.ended = f"the token is refused ({reason})"
            case Useless(reason):
                self._leave(request)
                self._tally.ended = reason
            case None:
                self._leave(request)
                self._tally.ended = "interrupted"

    def _store(self, request: Request, server_ids: tuple[int | None, ...]) -> None:
        counts = self._tally.counts[request.items[0].kind]
        for item in request.items:
            known = self._ledger.known(item.digest)
            counts.repeated += known is not None and known.sends > 1
        self._ledger.sent(request.items, server_ids)
        counts.sent += len(request.items)
        self._failed_in_row = self._refused_in_row = 0

    def _set_aside(self, item: Item, reason: str) -> None:
        self._ledger.refused(item, reason)
        self._tally.refuse(item.kind, item.id, reason)
        self._failed_in_row = 0
        self._refused_in_row += 1
        if self._refused_in_row >= _MOST_REFUSED_IN_ROW:
            self._tally.ended = f"{_MOST_REFUSED_IN_ROW} were refused in a row ({reason})"

    def _leave(self, request: Request) -> None:
        self._tally.counts[request.items[0].kind].left += len(request.items)
