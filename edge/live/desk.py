"""Where commands come in: each is checked, done once, not too often, answered and written down."""

from __future__ import annotations

import json
import logging
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from edge.clock import Clock
from edge.errors import CosmicEdgeError
from edge.messages import MessageError, encode, format_utc_ns, parse_service
from edge.messages.commands import MAX_COMMAND_BYTES, Command, Reply
from edge.messages.utc import parse_utc_ns
from edge.outfile import write_whole

FILE_NAME = "commands.json"
_REMEMBERED = 64
_AT_ONCE = 6
_REFILL_S = 10.0
_MINUTE_NS = 60 * 10**9
_SAID_A_MINUTE = 6
_HARMLESS = ("report", "snapshot")
"""Done again where they are asked again: what they answered is too large to be kept."""

_LOG = logging.getLogger(__name__)

Answer = tuple[str, dict[str, Any]]


class NotDone(Exception):
    """A command that is not done; the text says why. `tried`: it failed rather than was refused."""

    def __init__(self, why: str, *, tried: bool = False) -> None:
        super().__init__(why)
        self.tried = tried


class Executor(Protocol):
    """Does what is asked."""

    def execute(self, command: Command) -> Answer:
        """Do it; what was done, in words, and data. Raises NotDone."""


class _Seldom:
    """Writes what a flood of commands brings a few times a minute: all of it wears out a card."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute_ns = 0
        self._said = 0
        self._left_out = 0

    def warn(self, what: str, *args: object) -> None:
        """Say it, and how many were not said before it."""
        now_ns = self._clock.boottime_ns()
        if now_ns >= self._minute_ns:
            self._minute_ns, self._said = now_ns + _MINUTE_NS, 0
        if self._said >= _SAID_A_MINUTE:
            self._left_out += 1
            return
        more = f"; {self._left_out} before it were not written down" if self._left_out else ""
        _LOG.warning(what + "%s", *args, more)
        self._said, self._left_out = self._said + 1, 0


class CommandDesk:
    """Takes commands from the uplink's thread and serves them from the session's.

    Parameters
    ----------
    rig : str
    session : int
        For the replies.
    clock : Clock
        Tells whether a command is too old.
    folder : Path
        The state folder: ids that were answered are kept there, so that a command that the broker
        brings again after a restart is not done again.
    """

    def __init__(self, rig: str, session: int, clock: Clock, folder: Path) -> None:
        self._rig, self._session, self._clock = rig, session, clock
        self._file = folder / FILE_NAME
        self._reply: Callable[[bytes], None] = lambda payload: None
        self._lock = threading.Lock()
        self._waiting: deque[Command] = deque()
        self._answered: OrderedDict[str, str] = _read(self._file)
        self._tokens = float(_AT_ONCE)
        self._filled_ns = clock.boottime_ns()
        self._seldom = _Seldom(clock)
        self.counts = {"taken": 0, "done": 0, "refused": 0, "failed": 0, "repeated": 0, "broken": 0}

    def answer_through(self, reply: Callable[[bytes], None]) -> None:
        """Name what sends the answers."""
        self._reply = reply

    def take(self, payload: bytes, *, retained: bool = False) -> None:
        """Take what came on the command topic; never raises, never blocks."""
        with self._lock:
            self.counts["taken"] += 1
            command = self._checked(payload, retained)
            if command is None:
                self.counts["broken"] += 1
                return
            known = self._answered.get(command.id)
            if known is not None or any(one.id == command.id for one in self._waiting):
                self.counts["repeated"] += 1
                if known is not None:
                    self._reply(known.encode())
                return
            if not self._may():
                why = "too many commands; one each 10 s, six at once"
                self._answer(command, "refused", why, keep=False)
                return
            self._waiting.append(command)

    @property
    def waits(self) -> bool:
        """Whether a command waits to be served."""
        return bool(self._waiting)

    def serve(self, executor: Executor) -> None:
        """Do what waits, in order; each is answered."""
        while self._waiting:
            with self._lock:
                command = self._waiting[0]
            late = self._too_late(command)
            answer = _Refused(late) if late else executor
            state, detail, data = _tried(answer, command)
            with self._lock:
                self._answer(command, state, detail, data)
                self._waiting.popleft()

    def _checked(self, payload: bytes, retained: bool) -> Command | None:
        """A command that is one; the log tells of any other."""
        if retained:
            self._seldom.warn("a retained command is ignored: it would be done at every start")
            return None
        if len(payload) > MAX_COMMAND_BYTES:
            self._seldom.warn("a command of %d bytes is ignored", len(payload))
            return None
        try:
            return parse_service(Command, payload)
        except MessageError as error:
            self._seldom.warn("a command is ignored: %s", error)
            return None

    def _too_late(self, command: Command) -> str:
        if command.expires_utc is None:
            return ""
        now = self._clock.stamp(self._clock.boottime_ns())
        if now.state == "unsynced":
            return "it has an end, and the rig's clock is not known"
        return "it is too old" if now.utc_ns > parse_utc_ns(command.expires_utc) else ""

    def _may(self) -> bool:
        now_ns = self._clock.boottime_ns()
        gained = (now_ns - self._filled_ns) * 1e-9 / _REFILL_S
        self._tokens = min(_AT_ONCE, self._tokens + gained)
        self._filled_ns = now_ns
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _answer(
        self,
        command: Command,
        state: Any,
        detail: str,
        data: dict[str, Any] | None = None,
        *,
        keep: bool = True,
    ) -> None:
        """Answer and keep it: not for what came too often, which would push out the rest."""
        said = self._reply_of(command, state, detail, data or {})
        if said is None:
            state, data = "failed", {}
            said = self._reply_of(command, state, "its answer can't be written", {}) or b""
        if keep:
            _LOG.info("command %s (%s): %s %s", command.name, command.id, state, detail)
        else:
            self._seldom.warn("command %s (%s): %s %s", command.name, command.id, state, detail)
        self.counts[state] += 1
        if keep and (state != "done" or command.name not in _HARMLESS):
            self._remember(command.id, said)
        self._reply(said)

    def _reply_of(
        self, command: Command, state: Any, detail: str, data: dict[str, Any]
    ) -> bytes | None:
        """An answer as bytes; None where a value in it, such as NaN, can't be written."""
        now = self._clock.stamp(self._clock.boottime_ns())
        reply = Reply(
            rig=self._rig,
            session=self._session,
            id=command.id,
            name=command.name,
            state=state,
            detail=detail[:256],
            time_utc=format_utc_ns(now.utc_ns),
            data=data,
        )
        try:
            return encode(reply.model_dump(by_alias=True))
        except MessageError as error:
            _LOG.warning("answer to command %s: %s", command.name, error)
            return None

    def _remember(self, command_id: str, reply: bytes) -> None:
        """Before it is sent: a crash in between answers twice rather than does twice."""
        self._answered[command_id] = reply.decode()
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        try:
            write_whole(self._file, json.dumps(self._answered).encode())
        except CosmicEdgeError as error:
            _LOG.warning("answered commands are not kept: %s", error)


class _Refused:
    """Does nothing, and says why."""

    def __init__(self, why: str) -> None:
        self._why = why

    def execute(self, command: Command) -> Answer:
        raise NotDone(self._why)


def _tried(executor: Executor, command: Command) -> tuple[str, str, dict[str, Any]]:
    try:
        return ("done", *executor.execute(command))
    except NotDone as error:
        return "failed" if error.tried else "refused", str(error), {}
    except Exception as error:  # whatever goes wrong in it, the rig goes on watching
        _LOG.exception("command %s", command.name)
        return "failed", f"{type(error).__name__}: {error}", {}


def _read(path: Path) -> OrderedDict[str, str]:
    """Ids that were answered; none where the file is missing or damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return OrderedDict()
    if not isinstance(found, dict):
        return OrderedDict()
    whole = [(key, value) for key, value in found.items() if _is_text(value)]
    return OrderedDict(whole[-_REMEMBERED:])


def _is_text(value: object) -> bool:
    """Whether it can be sent: JSON allows halves of characters, UTF-8 does not."""
    return isinstance(value, str) and value.encode("utf-8", "replace").decode() == value
