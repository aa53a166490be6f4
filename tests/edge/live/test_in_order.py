"""What a frame need not wait for is done behind it, in order, and no fault of it is lost."""

from __future__ import annotations

import threading

import pytest

from edge.live.in_order import AtOnce, InThread
from tests.edge.live.rig import Rig, play
from tests.edge.waiting import wait_until


def test_pieces_are_done_in_the_order_they_were_given() -> None:
    done: list[int] = []
    thread = InThread("test")
    for i in range(200):
        thread.call(lambda i=i: done.append(i))  # type: ignore[misc]
    thread.finish(10)
    assert done == list(range(200))


def test_what_a_piece_raises_reaches_the_caller_and_nothing_is_done_after_it() -> None:
    done: list[int] = []
    thread = InThread("test")

    def fail() -> None:
        raise OSError("no")

    thread.call(fail)
    wait_until(lambda: thread._error is not None)
    with pytest.raises(OSError, match="no"):
        thread.call(lambda: done.append(1))
    with pytest.raises(OSError, match="no"):
        thread.finish(10)
    assert done == []


def test_the_caller_waits_once_too_many_pieces_do() -> None:
    go = threading.Event()
    thread = InThread("test")
    given: list[int] = []

    def give() -> None:
        for i in range(100):
            thread.call(go.wait)
            given.append(i)

    giver = threading.Thread(target=give)
    giver.start()
    wait_until(lambda: len(given) >= 32)
    assert len(given) < 40
    go.set()
    giver.join()
    thread.finish(10)
    assert len(given) == 100


def test_a_frame_waits_for_no_description_of_a_hit() -> None:
    go = threading.Event()
    rig = Rig(reports=InThread("reports"), outbox__checkpoint_s=60)
    slow = rig.reporter._described

    def described(*given):  # as a slow model would
        go.wait(30)
        return slow(*given)

    rig.reporter._described = described  # type: ignore[method-assign]
    play(rig, 60, f22=(10, 10), f30=(20, 20))
    assert rig.loop.last_fate == "processed"
    assert "hit" not in rig.kinds()
    go.set()
    rig.loop.finish()
    assert rig.kinds().count("hit") == 2


def test_behind_the_frames_the_same_is_written_down_as_at_once() -> None:
    told = []
    for reports in (AtOnce(), InThread("reports")):
        rig = Rig(reports=reports, exposure__period_s=1)
        play(rig, 90, f22=(10, 10), f41=(20, 20), f70=(30, 30))
        rig.loop.finish()
        told.append([(draft.kind, sums(draft.body)) for draft in rig.drafts])
    assert told[0] == told[1]
    assert [kind for kind, _ in told[0]].count("hit") == 3


def sums(body: dict) -> dict:
    """What does not hang on when it was written."""
    wanted = ("frames", "live_time_ns", "dead_time_ns", "candidates", "hits", "rejected", "frame")
    return {key: body[key] for key in wanted if key in body}


def test_what_hangs_holds_nobody_up_at_the_end() -> None:
    go = threading.Event()
    thread = InThread("test")
    thread.call(go.wait)  # type: ignore[arg-type]
    assert not thread.finish(0.05)
    go.set()
    full = InThread("test")
    go.clear()
    for _ in range(33):
        full.call(go.wait)  # type: ignore[arg-type]
    assert not full.finish(0.05)
    go.set()
