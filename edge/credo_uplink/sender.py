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
from dataclasses import dataclass
from typing import Protocol

from edge.credo_uplink.client import Post, Unheard, Unreached, Untrusted
from edge.credo_uplink.items import Item, LeftOut, Offer, Settled
from edge.credo_uplink.ledger import Ledger, State
from edge.credo_uplink.request import Packer, Request
from edge.credo_uplink.secret import Secret
from edge.credo_uplink.source import Source
from edge.credo_uplink.tally import Tally
from edge.credo_uplink.verdict import Again, Denied, Refused, Stored, Useless, Verdict, judge
from edge.delivery.backoff import FullJitter

_MOST_IN_ROW = 3
_MOST_REFUSED_IN_ROW = 20


class Keys(Protocol):
    """Where the token comes from."""

    def token(self) -> Secret:
        """The token to use now."""

    def hide_in(self, text: str) -> str:
        """Blot secrets out of what a server says."""

    def renew(self) -> bool:
        """Get a new one after a refusal; False where that can't be done."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a run tries.

    Attributes
    ----------
    attempts : int
        Of one request, the first among them.
    first_wait_s, last_wait_s : float
        Ceiling of the random wait after the first failure, and the highest.
    longest_wait_s : float
        A server that asks for more ends the run.
    """

    attempts: int = 5
    first_wait_s: float = 1.0
    last_wait_s: float = 60.0
    longest_wait_s: float = 600.0


class Sender:
    """One run against one server.

    Parameters
    ----------
    post : Post
    keys : Keys
    ledger : Ledger
    packer : Packer
    wait : callable
        ``wait(seconds)``: sleeps, and tells whether the run is to end. ``wait(0)`` asks alone.
    patience : Patience
    retry_refused : bool
        Whether what was set aside before is tried once more.
    advance : callable
        Told how many are settled.
    """

    def __init__(
        self,
        post: Post,
        keys: Keys,
        ledger: Ledger,
        *,
        packer: Packer,
        wait: Callable[[float], bool],
        patience: Patience | None = None,
        retry_refused: bool = False,
        advance: Callable[[float], None] = lambda steps: None,
    ) -> None:
        self._post = post
        self._keys = keys
        self._ledger = ledger
        self._packer = packer
        self._wait = wait
        self._patience = patience or Patience()
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
        offers = source.offers(lambda digest: self._settled_state(digest) is not None)
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

    def _settled_state(self, digest: str) -> State | None:
        """How an item that this run need not touch was settled; None of one that it must send."""
        known = self._ledger.known(digest)
        if digest in self._taken or known is None or known.state == "open":
            return None
        return None if known.state == "refused" and self._retry_refused else known.state

    def _count_settled(self, offer: Settled) -> None:
        if self._settled_state(offer.digest) == "sent":
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
        verdict = self._try(request, self._patience.attempts)
        if isinstance(verdict, Again) and verdict.reached and len(request.items) > 1:
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
            self._settle(request, self._try(request, 1))

    def _settle(self, request: Request, verdict: Verdict | None) -> None:
        match verdict:
            case Stored(server_ids):
                self._store(request, server_ids)
            case Refused(reason):
                self._set_aside(request.items[0], reason)
            case Again(reason=reason, reached=reached):
                self._leave(request)
                self._failed_in_row += 1
                if not reached or self._failed_in_row >= _MOST_IN_ROW:
                    self._tally.ended = reason
            case Denied(reason):
                self._leave(request)
                self._tally.ended = f"the token is refused ({reason})"
            case Useless(reason):
                self._leave(request)
                self._tally.ended = reason
            case None:
                self._leave(request)

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

    def _try(self, request: Request, attempts: int) -> Verdict | None:
        """Send a request until there is a word that holds; None where the run was stopped."""
        patience = self._patience
        jitter = FullJitter(patience.first_wait_s, patience.last_wait_s)
        renewed = False
        while not self._stopped(0.0):
            verdict = self._exchange(request)
            if isinstance(verdict, Denied) and not renewed and self._keys.renew():
                renewed = True
                continue
            if not isinstance(verdict, Again):
                return verdict
            attempts -= 1
            if attempts <= 0:
                return verdict
            if verdict.wait_s > patience.longest_wait_s:
                return Useless(f"{verdict.reason}; the server asks for {verdict.wait_s:.0f} s")
            if self._stopped(max(verdict.wait_s, jitter.next_s())):
                break
        return None

    def _exchange(self, request: Request) -> Verdict:
        """Send a request once; the ledger knows before that it may arrive."""
        token = self._keys.token()
        self._ledger.begin(request.items)
        verdict: Verdict
        try:
            answer = self._post(request.endpoint, request.body(), token)
        except Untrusted as error:
            verdict = Useless(str(error))
        except Unreached as error:
            verdict = Again(f"can't be reached: {error}", not_stored=True, reached=False)
        except Unheard as error:
            verdict = Again(f"no answer: {error}")
        else:
            verdict = judge(answer, request, hide=self._keys.hide_in)
        if isinstance(verdict, Refused | Denied) or getattr(verdict, "not_stored", False):
            self._ledger.not_stored(request.items)
        return verdict

    def _stopped(self, seconds: float) -> bool:
        if self._wait(seconds):
            self._tally.ended = "interrupted"
            return True
        return False
