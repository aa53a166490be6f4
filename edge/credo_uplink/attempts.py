"""One request, sent until there is a word that holds, with waits in between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from edge.credo_uplink.client import Post, Unheard, Unreached, Untrusted
from edge.credo_uplink.ledger import Ledger
from edge.credo_uplink.request import Request
from edge.credo_uplink.secret import Secret
from edge.credo_uplink.verdict import Again, Denied, Refused, Useless, Verdict, judge
from edge.delivery.backoff import FullJitter


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


class Attempts:
    """Sends requests; the ledger knows before each that it may arrive.

    Parameters
    ----------
    post : Post
    keys : Keys
    ledger : Ledger
    wait : callable
        ``wait(seconds)``: sleeps, and tells whether the run is to end. ``wait(0)`` asks alone.
    patience : Patience
    """

    def __init__(
        self,
        post: Post,
        keys: Keys,
        ledger: Ledger,
        wait: Callable[[float], bool],
        patience: Patience,
    ) -> None:
        self._post = post
        self._keys = keys
        self._ledger = ledger
        self._wait = wait
        self._patience = patience

    def make(self, request: Request, attempts: int | None = None) -> Verdict | None:
        """Send a request until there is a word that holds.

        Parameters
        ----------
        request : Request
        attempts : int, optional
            How often; without: as `Patience` says.

        Returns
        -------
        Verdict or None
            None where the run is to end.
        """
        patience = self._patience
        left = patience.attempts if attempts is None else attempts
        jitter = FullJitter(patience.first_wait_s, patience.last_wait_s)
        renewed = False
        while not self._wait(0.0):
            verdict = self._exchange(request)
            if isinstance(verdict, Denied) and not renewed and self._keys.renew():
                renewed = True
                continue
            if not isinstance(verdict, Again):
                return verdict
            left -= 1
            if left <= 0:
                return verdict
            if verdict.wait_s > patience.longest_wait_s:
                return Useless(f"{verdict.reason}; the server asks for {verdict.wait_s:.0f} s")
            if self._wait(max(verdict.wait_s, jitter.next_s())):
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
            verdict = Again(f"can't be reached: {error}", not_stored=True)
        except Unheard as error:
            verdict = Again(f"no answer: {error}")
        else:
            verdict = judge(answer, request, hide=self._keys.hide_in)
        if isinstance(verdict, Refused | Denied) or getattr(verdict, "not_stored", False):
            self._ledger.not_stored(request.items)
        return verdict
