from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.errors import Failed
from edge.frame import BadFrame, Frame, Origin, SensorMode
from edge.sources.capture import Capture, Dropped, SourceStalled

MODE = SensorMode("test", 2, 2, 8)
PIXELS = np.zeros((2, 2), np.uint8)


@dataclass
class Scripted:
    """A source that does what it is told; records what is given back."""

    script: Callable[[Scripted], Iterator[Frame | BadFrame]]
    pushes_back: bool = False
    released: list[int] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)
    name: str = "scripted:"
    origin: Origin = "camera"

    def frame(self, sequence: int) -> Frame:
        return Frame(PIXELS, sequence, sequence, MODE, release=lambda: self.given(sequence))

    def given(self, sequence: int) -> None:
        self.released.append(sequence)

    def frames(self) -> Iterator[Frame | BadFrame]:
        try:
            yield from self.script(self)
        finally:
            self.ended.set()

    def close(self) -> None:
        self.closed.set()


def counting(count: int) -> Callable[[Scripted], Iterator[Frame | BadFrame]]:
    return lambda source: (source.frame(number) for number in range(count))


def for_ever(source: Scripted) -> Iterator[Frame]:
    number = 0
    while not source.closed.is_set():
        yield source.frame(number)
        number += 1
        time.sleep(0.001)


def sequences(items: list[object]) -> list[object]:
    return [item.sequence if isinstance(item, Frame | BadFrame) else item for item in items]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline, "waited 5 s in vain"
        time.sleep(0.001)


def test_frames_come_in_order_and_then_the_end() -> None:
    source = Scripted(counting(5), pushes_back=True)
    with Capture(source) as capture:
        assert sequences(list(capture)) == [0, 1, 2, 3, 4]
        assert capture.get(0.1) is None
    assert (capture.received, capture.dropped) == (5, 0)


def test_a_source_that_pushes_back_waits_and_loses_nothing() -> None:
    source = Scripted(counting(50), pushes_back=True)
    with Capture(source, depth=3) as capture:
        wait_until(lambda: capture.waiting == 3)
        time.sleep(0.02)
        assert capture.received == 4  # three in the ring, one in the thread's hand
        assert sequences(list(capture)) == list(range(50))
    assert capture.dropped == 0


def test_a_late_loop_loses_the_oldest_frames_and_is_told_in_their_place() -> None:
    source = Scripted(counting(10))
    with Capture(source, depth=3) as capture:
        assert source.ended.wait(5)
        items = list(capture)
    assert sequences(items) == [Dropped(7, 0, 6), 7, 8, 9]
    assert capture.dropped == 7
    assert source.released == list(range(7))


def test_drops_between_frames_are_told_between_them() -> None:
    go_on = threading.Event()

    def script(source: Scripted) -> Iterator[Frame]:
        yield source.frame(0)
        assert go_on.wait(5)
        yield from (source.frame(number) for number in (1, 2, 5, 6))

    source = Scripted(script)
    with Capture(source, depth=2) as capture:
        first = capture.get(5)
        go_on.set()
        assert source.ended.wait(5)
        rest = list(capture)
    assert sequences([first, *rest]) == [0, Dropped(2, 1, 2), 5, 6]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.integers(1, 5),
    st.lists(st.booleans(), min_size=40, max_size=40),
)
def test_every_frame_is_delivered_or_counted_as_dropped_in_order(
    gaps: list[int], depth: int, bad: list[bool]
) -> None:
    given_sequences = list(np.cumsum(np.array(gaps) + 1))

    def script(source: Scripted) -> Iterator[Frame | BadFrame]:
        for number, is_bad in zip(given_sequences, bad, strict=False):
            yield BadFrame(number, number, "bad", "") if is_bad else source.frame(number)

    source = Scripted(script)
    with Capture(source, depth) as capture:
        items = list(capture)
    told = sum(item.count for item in items if isinstance(item, Dropped))
    delivered = [item.sequence for item in items if not isinstance(item, Dropped)]
    assert told == capture.dropped
    assert told + len(delivered) == capture.received == len(given_sequences)
    position = 0
    for item in items:
        if isinstance(item, Dropped):
            assert item.first_sequence == given_sequences[position]
            position += item.count
            assert item.last_sequence == given_sequences[position - 1]
        else:
            assert item.sequence == given_sequences[position]
            position += 1
    undelivered = {s for s, b in zip(given_sequences, bad, strict=False) if not b}
    assert set(source.released) == undelivered - set(delivered)


def test_an_error_comes_after_the_frames_before_it() -> None:
    def script(source: Scripted) -> Iterator[Frame]:
        yield source.frame(0)
        yield source.frame(1)
        raise Failed("the cable is out")

    with Capture(Scripted(script)) as capture:
        assert sequences([capture.get(5), capture.get(5)]) == [0, 1]
        for _ in range(2):
            with pytest.raises(Failed, match="the cable is out"):
                capture.get(5)


def test_a_silent_source_is_told_and_may_go_on() -> None:
    go_on = threading.Event()

    def script(source: Scripted) -> Iterator[Frame]:
        go_on.wait(5)
        yield source.frame(0)

    with Capture(Scripted(script)) as capture:
        with pytest.raises(SourceStalled, match=r"scripted:: no frame for 0\.\d s"):
            capture.get(0.02)
        assert capture.silent_s >= 0.02
        go_on.set()
        assert sequences([capture.get(5)]) == [0]
        assert capture.get(5) is None


def test_stop_ends_an_endless_source_and_gives_everything_back() -> None:
    source = Scripted(for_ever)
    capture = Capture(source, depth=4)
    taken = [capture.get(5) for _ in range(3)]
    assert capture.stop()
    assert source.ended.is_set()
    mine = {item.sequence for item in taken if isinstance(item, Frame)}
    assert set(source.released) == set(range(capture.received)) - mine
    assert len(source.released) == len(set(source.released))
    assert capture.get(5) is None
    assert list(capture) == []


def test_stop_frees_a_source_that_waits_for_the_loop() -> None:
    source = Scripted(counting(100), pushes_back=True)
    capture = Capture(source, depth=2)
    capture.start()
    wait_until(lambda: capture.waiting == 2)
    assert capture.stop()
    assert sorted(source.released) == [0, 1, 2]


def test_stop_wakes_a_loop_that_waits_for_a_frame() -> None:
    def script(source: Scripted) -> Iterator[Frame]:
        source.closed.wait(5)
        yield from ()

    capture = Capture(Scripted(script))
    got: list[object] = []
    loop = threading.Thread(target=lambda: got.append(list(capture)))
    loop.start()
    time.sleep(0.02)
    capture.stop()
    loop.join(5)
    assert got == [[]]


def test_stop_never_waits_for_a_source_that_hangs() -> None:
    let_go = threading.Event()

    def script(source: Scripted) -> Iterator[Frame]:
        let_go.wait(10)
        yield source.frame(0)

    source = Scripted(script)
    capture = Capture(source)
    capture.start()
    begun = time.monotonic()
    assert not capture.stop(timeout_s=0.1)
    assert time.monotonic() - begun < 1
    let_go.set()
    assert source.ended.wait(5)
    assert source.released == [0]  # what came too late is given back all the same


def test_stop_never_waits_for_a_close_that_hangs() -> None:
    let_go = threading.Event()
    source = Scripted(counting(1))
    source.close = lambda: let_go.wait(10)  # type: ignore[method-assign,assignment]
    capture = Capture(source)
    capture.start()
    begun = time.monotonic()
    assert not capture.stop(timeout_s=0.1)
    assert time.monotonic() - begun < 1
    let_go.set()


def test_a_release_that_fails_does_not_stop_the_capture() -> None:
    def script(source: Scripted) -> Iterator[Frame]:
        def broken() -> None:
            raise RuntimeError("already given back")

        for number in range(5):
            yield Frame(PIXELS, number, number, MODE, release=broken)

    source = Scripted(script)
    with Capture(source, depth=1) as capture:
        assert source.ended.wait(5)
        assert sequences(list(capture)) == [Dropped(4, 0, 3), 4]


def test_a_ring_holds_one_frame_at_least() -> None:
    with pytest.raises(ValueError, match="depth must be 1 or more"):
        Capture(Scripted(counting(1)), depth=0)
